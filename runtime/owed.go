package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// begin records that a delete starts, so a later command finishes it even if berth is killed. An
// error is only logged: a full disk must not prevent the delete.
func (r *Runtime) begin(store *state.Store, e *state.Entry) {
	if e.Owed != nil {
		return
	}
	if err := store.Owe(e, ""); err != nil {
		logrus.Debugf("record that the delete begins: %v", err)
	}
}

// owe records err as the reason why a container could not be removed, and returns err with advice.
func (r *Runtime) owe(store *state.Store, e *state.Entry, err error) error {
	if oweErr := store.Owe(e, err.Error()); oweErr != nil {
		return errors.Join(err, oweErr)
	}
	return fmt.Errorf("%w (a later create or delete finishes it, as does 'berth doctor --fix')", err)
}

// rest is how long berth leaves an unfinished delete alone before it tries again.
const rest = 2 * time.Second

// Owes is true if there is an unfinished delete to try again. It is quick.
func (r *Runtime) Owes() bool {
	ids, aside := r.store.Owed(rest)
	return aside || slices.ContainsFunc(ids[:min(len(ids), 8)], func(id string) bool { return !r.store.Busy(id) })
}

// FinishOwed finishes the deletes that are due, unless another process is doing so.
func (r *Runtime) FinishOwed(ctx context.Context) error {
	lock := r.store.LockOwed()
	if lock == nil {
		return nil
	}
	defer lock.Close()
	ids, aside := r.store.Owed(rest)
	var errs []error
	for _, id := range ids {
		errs = append(errs, r.finish(ctx, r.store, id))
	}
	if aside {
		names, err := r.store.Aside().List()
		errs = append(errs, err)
		for _, name := range names {
			errs = append(errs, r.finish(ctx, r.store.Aside(), name))
		}
	}
	return errors.Join(errs...)
}

// finish removes a container whose delete did not finish, unless another command holds it.
func (r *Runtime) finish(ctx context.Context, store *state.Store, id string) error {
	e, err := store.Lock(id, 0)
	switch {
	case errors.Is(err, state.ErrNotExist):
		store.Settle(id)
		return nil
	case errors.Is(err, state.ErrBusy):
		return nil
	case err != nil:
		return err
	}
	defer e.Close()
	if e.Owed == nil {
		store.Settle(id)
		return nil
	}
	b, err := r.recall(e.Container)
	if err != nil {
		return err
	}
	return r.removeFrom(ctx, store, e, b, true)
}

// OwedInfo is a container whose delete did not finish.
type OwedInfo struct {
	*backends.Container
	// Finish tries the delete again.
	Finish func(context.Context) error
}

// ListOwed returns the containers whose delete ended before it was done.
func (r *Runtime) ListOwed() (list []OwedInfo) {
	for _, store := range []*state.Store{r.store, r.store.Aside()} {
		names, err := store.List()
		if err != nil {
			continue
		}
		for _, name := range names {
			c, err := store.Read(name)
			if err != nil || c.Owed == nil || store.Busy(name) {
				continue
			}
			// A delete may have finished between Read and Busy.
			if c, err = store.Read(name); err != nil || c.Owed == nil {
				continue
			}
			list = append(list, OwedInfo{c, func(ctx context.Context) error { return r.finish(ctx, store, name) }})
		}
	}
	return list
}

// finishAside removes containers of this id whose records were set aside.
func (r *Runtime) finishAside(ctx context.Context, id string) error {
	var errs []error
	for _, i := range r.ListOwed() {
		if i.ID == id && i.Dir != r.store.Dir(id) {
			errs = append(errs, i.Finish(ctx))
		}
	}
	return errors.Join(errs...)
}

// clearTheWay frees the id of a container whose delete did not finish. It tries the delete again,
// and if that fails, sets the record aside.
func (r *Runtime) clearTheWay(ctx context.Context, id string) error {
	e, err := r.store.Lock(id, 0)
	if err != nil {
		return err
	}
	defer e.Close()
	if e.Owed == nil {
		return fmt.Errorf("container %q: %w", id, state.ErrExist)
	}
	b, err := r.recall(e.Container)
	if err != nil {
		return err
	}
	failed := r.removeFrom(ctx, r.store, e, b, true)
	if failed == nil {
		return nil
	}
	p, ok := b.(backends.Postponing)
	if !ok {
		return failed
	}
	if err := p.Postpone(e.Container); err != nil {
		return errors.Join(failed, err)
	}
	// The poststop hooks are about the container that is gone. They must not run later, when
	// another container has its id.
	poststop(ctx, e.Container)
	e.Hooks = nil
	if err := e.Save(); err != nil {
		return err
	}
	logrus.Warnf("the remains of an earlier container %q are set aside: %v", id, failed)
	return r.store.SetAside(e)
}
