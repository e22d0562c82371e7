package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

// recover clears away a container whose record is damaged. Its backend is unknown, so recover asks
// each backend to remove what it finds. Its hooks are unknown too, and do not run.
func (r *Runtime) recover(ctx context.Context, id string) error {
	e, err := r.store.LockDamaged(id, patience, func(c *backends.Container) error {
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
		switch b := b.(type) {
		case backends.Delegating:
			if !b.Has(e.Container) {
				continue
			}
			if err := b.Delete(ctx, e.Container, true); err != nil {
				errs = append(errs, fmt.Errorf("delete it with %s: %w", m.Name, err))
				continue
			}
			done = append(done, "deleted it with "+m.Name)
		case backends.Recoverer:
			did, err := b.Recover(ctx, e.Container)
			done = append(done, did...)
			if err != nil {
				errs = append(errs, fmt.Errorf("backend %s: %w", m.Name, err))
			}
		}
	}
	if len(done) == 0 {
		done = []string{"found nothing"}
	}
	did := strings.Join(done, ", ")
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete container %q, whose record is damaged (berth %s): %w", id, did, err)
	}
	if err := e.Remove(); err != nil {
		return err
	}
	logrus.Warnf("the record of container %q was damaged: berth %s, and removed the record; poststop hooks, if the container had any, have not run", id, did)
	return nil
}
