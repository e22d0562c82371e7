// Package delegation is the life of the containers that berth delegates to another OCI runtime. It
// has their records, which are in the state directory beside those of package runtime, and hands
// each command over to the other runtime. That runtime decides what it prints, where it logs and
// how it ends.
package delegation

import (
	"context"
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// Delegate is another OCI runtime. A *crun.Backend is one.
type Delegate interface {
	// Name returns the backend's name, as it appears on the command line and in records.
	Name() string
	// CheckRecord is that of backends.RecordChecker.
	CheckRecord(c *backends.Container) error
	// Prepare fills in c.Data, which later commands need to find the container. It refuses a
	// container that would change the host or take the cgroup of another container. sharing returns
	// the id of a container in the same state directory whose record has the same
	// linux.cgroupsPath, or "" if there is none.
	Prepare(c *backends.Container, s *specs.Spec, sharing func() string) error
	// Create makes the container and fills in c.Process. If the other runtime fails, the error of
	// Create and of Carry is a *crun.Reported.
	Create(c *backends.Container, o backends.CreateOptions) error
	// Explain returns what Create would run.
	Explain(c *backends.Container, o backends.CreateOptions) (backends.Explanation, error)
	// Carry runs the other runtime as a child process and waits for it.
	Carry(c *backends.Container, call crun.Call) error
	// HandOver replaces this process with the other runtime. It returns only if that cannot be run.
	HandOver(c *backends.Container, call crun.Call) error
	// Has is true if the other runtime knows the container.
	Has(c *backends.Container) bool
	// Report asks the other runtime about one container. List asks it about all containers in a
	// berth state directory.
	Report(c *backends.Container) (*crun.Report, error)
	List(root string) ([]crun.Report, error)
}

var (
	_ Delegate          = (*crun.Backend)(nil)
	_ runtime.Elsewhere = (*Delegation)(nil)
)

// Delegation manages the delegated containers of one state directory. A method that takes a
// container takes it as Find has returned it, or as it is in a record that Delegated accepts.
type Delegation struct {
	store     *state.Store
	call      crun.Call
	delegates []Delegate
}

// New returns the Delegation of a state directory. call is the command as the caller gave it.
func New(store *state.Store, call crun.Call, delegates ...Delegate) *Delegation {
	return &Delegation{store: store, call: call, delegates: delegates}
}

// Delegates is true if backend is the name of another runtime.
func (d *Delegation) Delegates(backend string) bool { return d.delegate(backend) != nil }

// delegate returns the runtime of the given name, or nil if there is none.
func (d *Delegation) delegate(name string) Delegate {
	for _, to := range d.delegates {
		if to.Name() == name {
			return to
		}
	}
	return nil
}

// of returns the runtime that has a container.
func (d *Delegation) of(c *backends.Container) (Delegate, error) {
	if to := d.delegate(c.Backend); to != nil {
		return to, nil
	}
	return nil, fmt.Errorf("container %q: it is not delegated: its backend is %q", c.ID, c.Backend)
}

// Delegated is true if the record c says that another runtime has the container. The error wraps
// state.ErrDamaged if berth cannot have written such a record.
func (d *Delegation) Delegated(c *backends.Container) (bool, error) {
	to := d.delegate(c.Backend)
	if to == nil {
		return false, nil
	}
	err := to.CheckRecord(c)
	if errors.Is(err, state.ErrDamaged) {
		err = d.store.Unreadable(c.ID, err)
	}
	return err == nil, err
}

// Find asks the other runtimes for a container without a record. It returns nil if none of them has
// it.
func (d *Delegation) Find(id string) *backends.Container {
	if state.CheckID(id) != nil {
		return nil
	}
	for _, to := range d.delegates {
		c := &backends.Container{ID: id, Backend: to.Name(), Root: d.store.Root()}
		if to.Has(c) {
			return c
		}
	}
	return nil
}

// Holder returns the name of the runtime that Find finds, or "".
func (d *Delegation) Holder(id string) string {
	if c := d.Find(id); c != nil {
		return c.Backend
	}
	return ""
}

// Recover removes a container from each runtime that has it. done lists what it did.
func (d *Delegation) Recover(_ context.Context, c *backends.Container) (done []string, err error) {
	var errs []error
	for _, to := range d.delegates {
		if !to.Has(c) {
			continue
		}
		if err := to.Carry(c, crun.DeleteCall(c.ID, true)); err != nil {
			errs = append(errs, fmt.Errorf("delete it with %s: %w", to.Name(), err))
			continue
		}
		done = append(done, "deleted it with "+to.Name())
	}
	return done, errors.Join(errs...)
}

// over is true if only the record is left of a container: the container ran in the foreground to
// its end, or berth was killed during a create that made nothing.
func (d *Delegation) over(c *backends.Container) bool {
	to := d.delegate(c.Backend)
	return to != nil && !c.Complete && !c.Runner.Alive() && !to.Has(c)
}

// Clear removes the record of a container if only that is left, unless another command holds it.
func (d *Delegation) Clear(id string) {
	if c, err := d.store.Read(id); err == nil && d.over(c) {
		d.clear(id)
	}
}

// clear does the work of Clear under the record's lock.
func (d *Delegation) clear(id string) {
	e, err := d.store.Lock(id, 0)
	if err != nil {
		return
	}
	if !d.over(e.Container) || e.Remove() != nil {
		e.Close()
		return
	}
	d.store.Background(id)
}

// sweep clears away the records of containers that ran in the foreground and have ended.
func (d *Delegation) sweep() {
	for _, id := range d.store.ForegroundIDs() {
		c, err := d.store.Read(id)
		switch {
		case err == nil && d.over(c):
			d.clear(id)
		case errors.Is(err, state.ErrNotExist):
			d.store.Background(id)
		}
	}
}
