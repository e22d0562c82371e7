package delegation

import (
	"errors"
	"fmt"

	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// Delete removes a container of another runtime, and berth's record of it. If the other runtime no
// longer has the container, Delete fails without force, and removes only the record with force. If
// berth has no record of it, the other runtime's delete replaces this process. A container that
// does not exist is an error (state.ErrNotExist) only without force. The error wraps
// runtime.ErrElsewhere if the container turns out to be one of berth's own backends.
func (d *Delegation) Delete(id string, force bool) error {
	e, err := d.store.Lock(id, state.Patience)
	if errors.Is(err, state.ErrNotExist) {
		if c := d.Find(id); c != nil {
			return d.handOver(c, crun.DeleteCall(id, force))
		}
		if force {
			return nil
		}
	}
	if err != nil {
		return err
	}
	defer e.Close()
	switch delegated, err := d.Delegated(e.Container); {
	case err != nil:
		return err
	case !delegated:
		return fmt.Errorf("container %q: %w: %s", id, runtime.ErrElsewhere, e.Backend)
	}
	return d.remove(e, force)
}

// remove removes a container whose record is locked.
func (d *Delegation) remove(e *state.Entry, force bool) error {
	to, err := d.of(e.Container)
	if err != nil {
		return err
	}
	if e.Runner.Pid > 0 {
		d.store.Background(e.ID)
	}
	if !to.Has(e.Container) {
		if !force {
			return fmt.Errorf("container %q: %w: %s no longer has it; "+
				"'berth delete --force %s' removes berth's record",
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
		return to.HandOver(e.Container, crun.DeleteCall(e.ID, force))
	}
	if err := to.Carry(e.Container, crun.DeleteCall(e.ID, force)); err != nil {
		if !to.Has(e.Container) {
			return e.Discard(err)
		}
		return err
	}
	return e.Remove()
}
