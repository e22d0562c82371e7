package delegation

import (
	"os"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// Create has the other runtime make a container whose record e was claimed. If that fails, Create
// removes the record.
func (d *Delegation) Create(e *state.Entry, p *runtime.Plan) error {
	defer e.Close()
	to, err := d.prepare(e, p)
	if err != nil {
		return err
	}
	return carry(e, func() error { return to.Create(e.Container, p.Options.CreateOptions) })
}

// Run has the other runtime run a container whose record e was claimed, or restore it from a
// checkpoint, in the caller's words. Without detach the other runtime replaces this process, and a
// later run or list removes the record that remains.
func (d *Delegation) Run(e *state.Entry, p *runtime.Plan, detach bool) error {
	defer e.Close()
	d.sweep()
	to, err := d.prepare(e, p)
	if err != nil {
		return err
	}
	if detach {
		return carry(e, func() error { return to.Carry(e.Container, d.call) })
	}
	if e.Runner, err = backends.FindProcess(os.Getpid()); err == nil {
		err = d.store.Foreground(e.ID)
	}
	if err == nil {
		err = e.Save()
	}
	if err == nil {
		err = to.HandOver(e.Container, d.call)
	}
	return e.Discard(err)
}

// Explain returns what Create would do, and the container that it would make. It does none of it.
func (d *Delegation) Explain(p *runtime.Plan) (*backends.Container, backends.Explanation, error) {
	c := p.Container(d.store.Root())
	to, err := d.of(c)
	if err != nil {
		return nil, nil, err
	}
	x, err := to.Explain(c, p.Options.CreateOptions)
	return c, x, err
}

// General hands a command without a container over to the other runtime of the given name, in the
// caller's words. It then returns only if that runtime cannot be run. If there is none of this
// name, General does nothing.
func (d *Delegation) General(backend string) error {
	to := d.delegate(backend)
	if to == nil {
		return nil
	}
	return to.HandOver(&backends.Container{Root: d.store.Root()}, d.call)
}

// prepare has the other runtime accept a container. If it refuses, prepare removes the record.
func (d *Delegation) prepare(e *state.Entry, p *runtime.Plan) (Delegate, error) {
	to, err := d.of(e.Container)
	if err == nil {
		err = to.Prepare(e.Container, p.Bundle.Spec, func() string { return d.sharing(e.Container) })
	}
	if err != nil {
		return nil, e.Discard(err)
	}
	return to, nil
}

// sharing returns the id of another container whose record has the same cgroupsPath, or "" if there
// is none.
func (d *Delegation) sharing(c *backends.Container) string {
	ids, err := d.store.List()
	if err != nil {
		return ""
	}
	for _, id := range ids {
		other, err := d.store.Read(id)
		if err == nil && id != c.ID && c.CgroupsPath != "" &&
			other.CgroupsPath == c.CgroupsPath && other.SystemdCgroup == c.SystemdCgroup {
			return id
		}
	}
	return ""
}

// carry saves the record e, has the other runtime make the container, and marks the record
// complete. If make fails, carry removes the record.
func carry(e *state.Entry, make func() error) error {
	err := e.Save()
	if err == nil {
		err = make()
	}
	if err != nil {
		return e.Discard(err)
	}
	e.Complete = true
	return e.Save()
}
