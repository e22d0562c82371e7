package create

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/container"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/spec"
)

// errOOM has runc's words because engines show them.
var errOOM = errors.New("container init was OOM-killed (memory limit too low?)")

// reason returns why create has failed, if err is only a consequence: cause if the caller has given
// up, or the end of the container's process. It must be called before anything is undone.
//
// If the process itself has sent err, its end is the consequence, and whether it has come yet is
// chance. The words of err then stay as they are, because engines show and compare them.
func (cr *creation) reason(cause, err error) error {
	if cause != nil {
		return cause
	}
	if cr.initProc == nil {
		return err
	}
	var ended *link.EndedError
	gone := errors.As(err, &ended)
	if !gone {
		_, gone = cr.initProc.Status(0)
	}
	if !gone {
		return err
	}
	if cr.oom.seen() {
		return spec.Fieldf("linux.resources.memory", "%w: %w", errOOM, &link.EndedError{Host: cr.initProc.Host})
	}
	var said *link.SaidError
	if ended != nil || errors.As(err, &said) {
		return err
	}
	return fmt.Errorf("%w: %w", &link.EndedError{Host: cr.initProc.Host}, err)
}

// gone is how long the processes of a container may take to end when create is undone.
const gone = 10 * time.Second

// kill kills the init process.
func (cr *creation) kill() error {
	cr.initProc.Kill()
	return nil
}

// remove removes the container, in whatever state it is. If it fails, delete has to try again, so
// the record must stay.
func (cr *creation) remove(ctx context.Context) error {
	if err := container.Remove(ctx, cr.tool, cr.job.Container, cr.job.Data); err != nil {
		return fmt.Errorf("%w (berth delete --force %s tries again): %w", backends.ErrLeftBehind, cr.job.ID, err)
	}
	return nil
}

// reap waits for the end of the init process that kill has killed, if there is one.
func (cr *creation) reap() error {
	if cr.initProc != nil {
		cr.initProc.Wait(gone)
		cr.initProc.Close()
	}
	return nil
}
