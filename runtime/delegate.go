package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// Pass has a command carried out as it was given by the runtime that has the
// container. It returns if there is none or the container is berth's own, for
// which the command is not there.
func (r *Runtime) Pass(id string, call backends.Call) error {
	c, b, err := r.find(id)
	if err != nil {
		return err
	}
	d, ok := b.(backends.Delegating)
	if !ok {
		return fmt.Errorf("%s: %w of the %s backend", call.Command, errNoCRIU, c.Backend)
	}
	return d.HandOver(c, call)
}

// errNoCRIU is why checkpoint and restore are refused.
var errNoCRIU = errors.New("CRIU cannot restore a container into an enclosure that LXC or Proxmox VE makes; not supported for containers")

// General has a command without a container carried out as it was given if the
// backend is a delegating one, and then does not return. It is false with any
// other.
func (r *Runtime) General(backend string, call backends.Call) (bool, error) {
	b, err := r.backend(backend)
	if err != nil {
		return false, err
	}
	if d, ok := b.(backends.Delegating); ok {
		return true, d.HandOver(&backends.Container{Root: r.store.Root()}, call)
	}
	return false, nil
}

// holder finds a container without a record with the delegating backends.
func (r *Runtime) holder(id string) (*backends.Container, backends.Delegating) {
	for _, m := range r.makers {
		if !m.Delegates || state.CheckID(id) != nil {
			continue
		}
		b, err := r.backend(m.Name)
		if err != nil {
			continue
		}
		c := &backends.Container{ID: id, Backend: m.Name, Root: r.store.Root()}
		if d := b.(backends.Delegating); d.Has(c) {
			return c, d
		}
	}
	return nil, nil
}

// delegate records a container that is given to another runtime.
func (r *Runtime) delegate(j *job, d backends.Delegating) (*state.Entry, error) {
	e, err := r.record(context.Background(), j)
	if err != nil {
		return nil, err
	}
	if err := d.Prepare(e.Container, j.bundle.Spec, func() string { return r.sharing(e.Container) }); err != nil {
		return nil, discard(e, err)
	}
	return e, nil
}

// sharing names another container that has been given the same cgroup.
func (r *Runtime) sharing(c *backends.Container) string {
	ids, err := r.store.List()
	if err != nil {
		return ""
	}
	for _, id := range ids {
		other, err := r.store.Read(id)
		if err == nil && id != c.ID && other.CgroupsPath == c.CgroupsPath && other.SystemdCgroup == c.SystemdCgroup && c.CgroupsPath != "" {
			return id
		}
	}
	return ""
}

// carry has another runtime make a recorded container, while berth waits.
func (r *Runtime) carry(e *state.Entry, make func() error) error {
	err := e.Save()
	if err == nil {
		err = make()
	}
	if err != nil {
		return discard(e, err)
	}
	e.Complete = true
	return e.Save()
}

// deleteDelegated removes a container of another runtime and berth's record of
// it, one of which may be missing.
func (r *Runtime) deleteDelegated(ctx context.Context, e *state.Entry, d backends.Delegating, force bool) error {
	if e.Runner.Pid > 0 {
		r.store.Background(e.ID)
	}
	if !d.Has(e.Container) {
		if !force {
			return fmt.Errorf("container %q: %w: %s has lost it; 'berth delete --force %s' removes its record",
				e.ID, state.ErrNotExist, e.Backend, e.ID)
		}
		return e.Remove()
	}
	if force || e.Process.Pid > 0 && !e.Process.Alive() {
		// It will not be refused. Should it fail nevertheless, the container
		// is one without a record, which can be deleted again.
		if err := e.Remove(); err != nil {
			return err
		}
		return d.HandOverDelete(e.Container, force)
	}
	if err := d.Delete(ctx, e.Container, force); err != nil {
		if !d.Has(e.Container) {
			return discard(e, err)
		}
		return err
	}
	return e.Remove()
}

// over says that a record is of a container that was run in the foreground to
// its end, or of a create that failed as berth was killed: nothing is left that
// the record could be needed for.
func (r *Runtime) over(c *backends.Container) bool {
	if c.Complete || c.Runner.Alive() {
		return false
	}
	b, err := r.backend(c.Backend)
	if err != nil {
		return false
	}
	d, ok := b.(backends.Delegating)
	return ok && !d.Has(c)
}

// discardOver removes a record that nothing is left for, unless another command
// is at it.
func (r *Runtime) discardOver(id string) {
	e, err := r.store.Lock(id, 0)
	if err != nil {
		return
	}
	if !r.over(e.Container) || e.Remove() != nil {
		e.Close()
		return
	}
	r.store.Background(id)
}

// Restore makes a container of its checkpoint. Only a runtime that is delegated
// to can.
func (r *Runtime) Restore(id string, o RunOptions) error {
	j, err := r.plan(id, &o.CreateOptions)
	if err != nil {
		return err
	}
	d, ok := j.backend.(backends.Delegating)
	if !ok {
		return fmt.Errorf("restore: %w of the %s backend", errNoCRIU, j.backend.Name())
	}
	return r.runDelegated(j, d, o.Detach, o.Call)
}

// runDelegated records a container and has the other runtime run it. In the
// foreground that replaces this process; the record that it leaves is swept
// away by a later run or list.
func (r *Runtime) runDelegated(j *job, d backends.Delegating, detach bool, call backends.Call) error {
	r.sweep()
	e, err := r.delegate(j, d)
	if err != nil {
		return err
	}
	defer e.Close()
	if detach {
		return r.carry(e, func() error { return d.Carry(e.Container, call) })
	}
	if e.Runner, err = backends.FindProcess(os.Getpid()); err == nil {
		err = r.store.Foreground(e.ID)
	}
	if err == nil {
		err = e.Save()
	}
	if err == nil {
		err = d.HandOver(e.Container, call)
	}
	return discard(e, err)
}

// sweep removes the records of containers that were run in the foreground and
// have ended.
func (r *Runtime) sweep() {
	for _, id := range r.store.ForegroundIDs() {
		c, err := r.store.Read(id)
		if err == nil && !r.over(c) {
			continue
		}
		if err == nil {
			r.discardOver(id)
		} else if errors.Is(err, state.ErrNotExist) {
			r.store.Background(id)
		}
	}
}
