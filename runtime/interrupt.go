package runtime

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/berth-oci/berth/backends"
)

// errEnded is the cause with which a create is cancelled.
var errEnded = errors.New("create was interrupted by SIGTERM, which 'berth delete --force' sends")

// cancellable returns a context that SIGTERM to this process cancels, which makes create undo what
// it has done. A second SIGTERM ends the process in the usual way. If the signals are meant for the
// container, cancellable returns ctx as it is.
func (j *job) cancellable(ctx context.Context) (cancelled context.Context, stop func()) {
	if j.catches {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		select {
		case <-told:
			signal.Stop(told)
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(told)
		cancel(nil)
	}
}

// How long interrupt waits.
const (
	// finish is how long a command may take to let go of the container by itself.
	finish = 300 * time.Millisecond
	// undo is how long a create may take to undo what it has done.
	undo = time.Second
)

// interrupt ends the command that holds a container which delete --force is to remove. That is a
// create that is not done, or a start that waits for the container's process; both may wait for
// something that never happens. interrupt does not trust the pid in the record alone: it signals
// that process only if the kernel says that the process holds the lock.
func (r *Runtime) interrupt(ctx context.Context, id string) {
	for _, step := range []struct {
		patience time.Duration
		signal   syscall.Signal
	}{{finish, syscall.SIGTERM}, {undo, syscall.SIGKILL}} {
		if r.store.Free(id, step.patience) {
			return
		}
		c, err := r.store.Read(id)
		if err != nil {
			return
		}
		if c.Complete {
			r.endProcess(ctx, c)
			return
		}
		if !r.store.HeldBy(id, c.Creator) || c.Creator.Signal(step.signal) != nil {
			return
		}
	}
}

// endProcess kills a container's first process, unless the container is elsewhere. A command that
// waits for that process then goes on.
func (r *Runtime) endProcess(ctx context.Context, c *backends.Container) {
	if b, err := r.backend(c.Backend); err == nil && b != nil {
		_ = b.Kill(ctx, c, syscall.SIGKILL, false)
	}
}
