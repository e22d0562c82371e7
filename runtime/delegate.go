package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// Pass hands a command, as it was given, over to the runtime that has the container. That runtime
// replaces this process, so Pass returns only with an error: there is no such container, the other
// runtime cannot be run, or the container's backend is one of berth's own, which do not support the
// command.
func (r *Runtime) Pass(id string, call backends.Call) error {
	c, b, err := r.find(id)
	if err != nil {
		return err
	}
	d, ok := b.(backends.Delegating)
	if !ok {
		return fmt.Errorf("%s: %w by the %s backend: CRIU cannot restore its containers", call.Command, errNotSupported, c.Backend)
	}
	return d.HandOver(c, call)
}

// errNotSupported is the error of checkpoint and restore with berth's own backends.
var errNotSupported = errors.New("not supported")

// General hands a command without a container, as it was given, over to a delegating backend. It
// then does not return unless the other runtime cannot be run. With any other backend it does
// nothing and returns false.
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

// holder asks the delegating backends for a container without a record. It returns nil if none of
// them has it.
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

// delegate records a container that another runtime is to run, and returns its locked record.
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

// sharing returns the id of another container whose record has the same cgroupsPath, or "" if there
// is none.
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

// carry saves the record e, has another runtime make the container, and marks the record complete.
// If make fails, carry removes the record.
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

// deleteDelegated removes a container of another runtime, and berth's record of it. If the other
// runtime no longer has the container, deleteDelegated fails without force, and removes only the
// record with force.
func (r *Runtime) deleteDelegated(ctx context.Context, e *state.Entry, d backends.Delegating, force bool) error {
	if e.Runner.Pid > 0 {
		r.store.Background(e.ID)
	}
	if !d.Has(e.Container) {
		if !force {
			return fmt.Errorf("container %q: %w: %s no longer has it; 'berth delete --force %s' removes berth's record",
				e.ID, state.ErrNotExist, e.Backend, e.ID)
		}
		return e.Remove()
	}
	if force || e.Process.Pid > 0 && !e.Process.Alive() {
		// The other runtime replaces this process and does not refuse this delete, so the record
		// goes first. If the delete fails nevertheless, the container remains without a record, and
		// delete works on it again.
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

// over is true if only the record is left of a delegated container: the container ran in the
// foreground to its end, or berth was killed during a create that made nothing.
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

// discardOver removes a record for which over is true, unless another command holds it.
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

// Restore makes a container from its checkpoint. Only delegating backends can do this.
func (r *Runtime) Restore(id string, o RunOptions) error {
	j, err := r.plan(id, &o.CreateOptions)
	if err != nil {
		return err
	}
	d, ok := j.backend.(backends.Delegating)
	if !ok {
		return fmt.Errorf("restore: %w by the %s backend: CRIU cannot restore its containers", errNotSupported, j.backend.Name())
	}
	return r.runDelegated(j, d, o.Detach, o.Call)
}

// runDelegated records a container and has the other runtime run it. Without detach the other
// runtime replaces this process, and a later run or list removes the record that remains.
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

// sweep removes the records of containers that ran in the foreground and have ended.
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
