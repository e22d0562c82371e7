package runtime

import (
	"errors"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime/state"
)

// List returns the state of all containers. It leaves out a container that is deleted meanwhile. A
// container with a damaged record has the status StateDamaged, one with the record of a newer berth
// StateNewer. elsewhere are the records of the containers that are elsewhere. If a record cannot be
// read, List returns the error beside the rest.
func (r *Runtime) List() (list []*Info, elsewhere []*backends.Container, err error) {
	records, list, elsewhere, errs := r.records()
	for _, c := range records {
		info, err := r.now(c)
		switch {
		case errors.Is(err, state.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		default:
			list = append(list, info)
		}
	}
	return list, elsewhere, errors.Join(errs...)
}

// now returns the state of a container whose record was just read.
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
// berth understands. elsewhere are those of containers that are elsewhere.
func (r *Runtime) records() (records []*backends.Container, damaged []*Info, elsewhere []*backends.Container, errs []error) {
	ids, err := r.store.List()
	if err != nil {
		return nil, nil, nil, []error{err}
	}
	for _, id := range ids {
		c, err := r.store.Read(id)
		if err == nil {
			_, err = r.recall(c)
		}
		var newer *record.NewerError
		switch {
		case errors.Is(err, state.ErrNotExist):
		case errors.Is(err, ErrElsewhere):
			elsewhere = append(elsewhere, c)
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
	return records, damaged, elsewhere, errs
}
