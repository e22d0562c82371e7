package delegation

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/runtime"
)

// List returns the state of all containers of the other runtimes. records are the records of the
// delegated containers, read just before: a container that has both can then only disappear
// meanwhile. A container without a record is marked as Unrecorded, and a record without a container
// has the status StateLost. List removes the record of a container that ran in the foreground to
// its end. If a runtime cannot be asked, List returns the error beside the rest.
func (d *Delegation) List(records []*backends.Container) ([]*runtime.Info, error) {
	var list []*runtime.Info
	var errs []error
	for _, to := range d.delegates {
		infos, err := d.list(to, records)
		list, errs = append(list, infos...), append(errs, err)
	}
	return list, errors.Join(errs...)
}

// list does the work of List for one runtime.
func (d *Delegation) list(to Delegate, records []*backends.Container) ([]*runtime.Info, error) {
	var list []*runtime.Info
	reports, err := to.List(d.store.Root())
	if err != nil {
		err = fmt.Errorf("list the containers of the %s backend: %w", to.Name(), err)
	}
	unlisted, errs := err != nil, []error{err}
	unrecorded := make(map[string]*crun.Report, len(reports))
	for i := range reports {
		unrecorded[reports[i].ID] = &reports[i]
	}
	for _, c := range records {
		if c.Backend != to.Name() {
			continue
		}
		var info *runtime.Info
		if report := unrecorded[c.ID]; report != nil {
			delete(unrecorded, c.ID)
			info = reported(c, report)
		} else if unlisted && c.Complete {
			info, err = d.State(c)
			errs = append(errs, err)
		} else {
			info = d.missing(c, to)
		}
		if info != nil {
			list = append(list, info)
		}
	}
	for id, report := range unrecorded {
		c := &backends.Container{ID: id, Backend: to.Name(), Root: d.store.Root()}
		info := reported(c, report)
		info.Unrecorded = true
		list = append(list, info)
	}
	return list, errors.Join(errs...)
}

// missing returns the state of a record whose container the other runtime does not list. The
// container is being created or deleted, or it is lost. If it ran in the foreground to its end,
// missing removes the record and returns nil.
func (d *Delegation) missing(c *backends.Container, to Delegate) *runtime.Info {
	switch {
	case d.store.Busy(c.ID), c.Runner.Alive():
		return &runtime.Info{Container: c, Status: specs.StateCreating, Delegated: true}
	case d.over(c):
		d.clear(c.ID)
		return nil
	}
	// Create may have finished after the runtime listed its containers.
	if to.Has(c) {
		if report, err := to.Report(c); err == nil {
			return reported(c, report)
		}
		return &runtime.Info{Container: c, Status: specs.StateCreating, Delegated: true}
	}
	lost := *c
	lost.Process = backends.Process{}
	return &runtime.Info{Container: &lost, Status: runtime.StateLost, Delegated: true}
}
