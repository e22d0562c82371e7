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

// errEnded is why a create undoes what it has done.
var errEnded = errors.New("create was told to end (SIGTERM, as berth delete --force sends)")

// cancellable is ctx until this process is told to end: what create has made is then
// undone. Told a second time, it ends as any process does.
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

// Of what holds a container that is to be deleted by force.
const (
	// finish is how long it may take to come to its end by itself.
	finish = 300 * time.Millisecond
	// undo is how long a create may take to undo what it has done.
	undo = time.Second
)

// interrupt ends what holds a container for a delete by force: a create that is not
// done, or a start that waits for the container's process. It may wait for something
// that does not come. Who is signalled is not found by the record alone: the kernel
// says who holds the lock.
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

// endProcess kills the first process of a container of berth's own: what waits for it
// goes on.
func (r *Runtime) endProcess(ctx context.Context, c *backends.Container) {
	b, err := r.backend(c.Backend)
	if _, delegates := b.(backends.Delegating); err != nil || delegates || b == nil {
		return
	}
	_ = b.Kill(ctx, c, syscall.SIGKILL, false)
}
