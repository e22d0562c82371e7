package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime/state"
)

// List returns the state of all containers in the order of their ids. It leaves out a container
// that is deleted meanwhile. A container with a damaged record has the status StateDamaged, one
// with the record of a newer berth StateNewer. If a record cannot be read, List returns the error
// beside the rest.
func (r *Runtime) List() ([]*Info, error) {
	// Read the records first: a container that has both can then only disappear meanwhile.
	records, damaged, errs := r.records()
	list := damaged
	delegated := map[string]map[string]*Info{}
	for _, m := range r.makers {
		if !m.Delegates {
			continue
		}
		infos, err := r.delegated(m.Name)
		if err != nil {
			errs = append(errs, fmt.Errorf("list the containers of the %s backend: %w", m.Name, err))
			continue
		}
		delegated[m.Name] = infos
	}
	for _, c := range records {
		infos, delegates := delegated[c.Backend]
		if !delegates {
			info, err := r.now(c)
			switch {
			case errors.Is(err, state.ErrNotExist):
			case err != nil:
				errs = append(errs, err)
			default:
				list = append(list, info)
			}
			continue
		}
		if info, ok := infos[c.ID]; ok {
			delete(infos, c.ID)
			list = append(list, reported(c, info.Report))
		} else if info := r.missing(c); info != nil {
			list = append(list, info)
		}
	}
	for _, infos := range delegated {
		for _, info := range infos {
			if slices.ContainsFunc(damaged, func(d *Info) bool { return d.ID == info.ID }) {
				continue
			}
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(a, b *Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, errors.Join(errs...)
}

// now returns the state of a container of berth's own backends whose record was just read.
func (r *Runtime) now(c *backends.Container) (*Info, error) {
	b, err := r.backend(c.Backend)
	if err != nil {
		return nil, err
	}
	status, err := r.status(c, b)
	if err != nil {
		return nil, err
	}
	if status == specs.StateStopped && !r.store.Holds(c.ID) {
		return nil, state.ErrNotExist // deleted meanwhile
	}
	return &Info{Container: c, Status: status}, nil
}

// records reads all records. damaged are those that cannot be understood, or that only a newer
// berth understands.
func (r *Runtime) records() (records []*backends.Container, damaged []*Info, errs []error) {
	ids, err := r.store.List()
	if err != nil {
		return nil, nil, []error{err}
	}
	for _, id := range ids {
		c, err := r.store.Read(id)
		if err == nil {
			_, err = r.recall(c)
		}
		var newer *record.NewerError
		switch {
		case errors.Is(err, state.ErrNotExist):
		case errors.Is(err, state.ErrDamaged):
			damaged = append(damaged, &Info{Container: r.store.Damaged(id), Status: StateDamaged})
		case errors.As(err, &newer):
			damaged = append(damaged, &Info{Container: r.store.Damaged(id), Status: StateNewer})
		case err != nil:
			errs = append(errs, err)
		default:
			records = append(records, c)
		}
	}
	return records, damaged, errs
}

// delegated returns the containers of a delegating backend by id, with what is known of them
// without berth's records.
func (r *Runtime) delegated(name string) (map[string]*Info, error) {
	b, err := r.backend(name)
	if err != nil {
		return nil, err
	}
	reports, err := b.(backends.Delegating).List(r.store.Root())
	if err != nil {
		return nil, err
	}
	infos := make(map[string]*Info, len(reports))
	for i := range reports {
		c := &backends.Container{ID: reports[i].ID, Backend: name, Root: r.store.Root()}
		infos[c.ID] = reported(c, &reports[i])
		infos[c.ID].Unrecorded = true
	}
	return infos, nil
}

// reported returns a container as its runtime reports it. The record fills in what the report
// leaves out.
func reported(c *backends.Container, report *backends.Report) *Info {
	known := *c
	known.Process.Pid = report.Pid
	known.Bundle = cmp.Or(report.Bundle, c.Bundle)
	known.Rootfs = cmp.Or(report.Rootfs, c.Rootfs)
	known.Owner = cmp.Or(report.Owner, c.Owner)
	if !report.Created.IsZero() {
		known.Created = report.Created
	}
	if report.Annotations != nil {
		known.Annotations = report.Annotations
	}
	return &Info{Container: &known, Status: report.Status, Report: report}
}

// missing returns the state of a record whose container the other runtime does not list. The
// container is being created or deleted, or it is lost. If it ran in the foreground to its end,
// missing removes the record and returns nil.
func (r *Runtime) missing(c *backends.Container) *Info {
	switch {
	case r.store.Busy(c.ID), c.Runner.Alive():
		return &Info{Container: c, Status: specs.StateCreating}
	case r.over(c):
		r.discardOver(c.ID)
		return nil
	}
	// Create may have finished after the runtime listed its containers.
	if b, err := r.backend(c.Backend); err == nil {
		if d, ok := b.(backends.Delegating); ok && d.Has(c) {
			if report, err := d.Report(c); err == nil {
				return reported(c, report)
			}
			return &Info{Container: c, Status: specs.StateCreating}
		}
	}
	lost := *c
	lost.Process = backends.Process{}
	return &Info{Container: &lost, Status: StateLost}
}
