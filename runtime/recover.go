package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// recover clears away a container whose record is damaged. Its backend is unknown, so recover has
// each backend and Elsewhere remove what they find. Its hooks are unknown too, and do not run.
func (r *Runtime) recover(ctx context.Context, id string) error {
	e, err := r.store.LockDamaged(id, state.Patience, func(c *backends.Container) error {
		_, err := r.recall(c)
		return err
	})
	if err != nil {
		return err
	}
	defer e.Close()
	var done []string
	var errs []error
	for _, m := range r.makers {
		b, err := r.backend(m.Name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if b, ok := b.(backends.Recoverer); ok {
			did, err := b.Recover(ctx, e.Container)
			done = append(done, did...)
			if err != nil {
				errs = append(errs, fmt.Errorf("backend %s: %w", m.Name, err))
			}
		}
	}
	did, err := r.elsewhere.Recover(ctx, e.Container)
	done, errs = append(done, did...), append(errs, err)
	if len(done) == 0 {
		done = []string{"found nothing"}
	}
	all := strings.Join(done, ", ")
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete container %q, whose record is damaged (berth %s): %w", id, all, err)
	}
	if err := e.Remove(); err != nil {
		return err
	}
	logrus.Warnf("the record of container %q was damaged: berth %s, and removed the record; poststop hooks, if the container had any, have not run", id, all)
	return nil
}
