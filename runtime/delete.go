package runtime

import (
	"context"
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// Delete removes a stopped or created container. With force it removes a container in any state,
// even one that is half-made or has a damaged record; it first ends the create or start that still
// holds the container. A container that does not exist is an error (state.ErrNotExist) only without
// force. A state that does not allow a delete is ErrNotStopped. The error wraps ErrElsewhere if the
// container turns out to be another runtime's.
func (r *Runtime) Delete(ctx context.Context, id string, force bool) error {
	if force {
		r.interrupt(ctx, id)
	} else if c, err := r.Find(id); err == nil {
		if creating, err := r.creating(c); errors.Is(err, ErrElsewhere) {
			return err
		} else if creating {
			return fmt.Errorf("cannot delete container %s that %w: %s", id, ErrNotStopped, specs.StateCreating)
		}
	}
	e, b, err := r.lock(id)
	if errors.Is(err, state.ErrNotExist) {
		if holder := r.elsewhere.Holder(id); holder != "" {
			return fmt.Errorf("container %q: %w: %s", id, ErrElsewhere, holder)
		}
		if force {
			return r.finishAside(ctx, id)
		}
	}
	if errors.Is(err, state.ErrDamaged) && force {
		return r.recover(ctx, id)
	}
	if err != nil {
		return err
	}
	defer e.Close()
	return r.remove(ctx, e, b, force)
}

// DeleteUnfinished removes what an interrupted Create left of a container. done is false if there is
// nothing to remove, if Create did finish, or if the container is elsewhere.
func (r *Runtime) DeleteUnfinished(ctx context.Context, id string) (done bool, err error) {
	e, b, err := r.lock(id)
	if errors.Is(err, state.ErrNotExist) || errors.Is(err, ErrElsewhere) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer e.Close()
	if e.Complete {
		return false, nil
	}
	return true, r.remove(ctx, e, b, true)
}

func (r *Runtime) remove(ctx context.Context, e *state.Entry, b backends.Backend, force bool) error {
	return r.removeFrom(ctx, r.store, e, b, force)
}

// removeFrom removes a container whose record is in store. If the backend cannot remove it,
// removeFrom records the failure, and a later command tries again.
func (r *Runtime) removeFrom(ctx context.Context, store *state.Store, e *state.Entry, b backends.Backend, force bool) error {
	if b == nil {
		return e.Remove()
	}
	if !force && e.Complete {
		status, err := b.Status(e.Container)
		if err != nil {
			return err
		}
		if status != specs.StateStopped && status != specs.StateCreated {
			return fmt.Errorf("cannot delete container %s that %w: %s", e.ID, ErrNotStopped, status)
		}
	}
	r.begin(store, e)
	if err := b.Delete(ctx, e.Container, force); err != nil {
		return r.owe(store, e, fmt.Errorf("delete container %q: %w", e.ID, err))
	}
	poststop(ctx, e.Container)
	if err := e.Remove(); err != nil {
		return err
	}
	store.Settle(e.ID)
	return nil
}
