package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// ErrNotPaused is the error of Resume for a container that is not paused.
var ErrNotPaused = errors.New("container not paused")

// operator returns a container's backend and state for a command that runc has beyond the OCI
// lifecycle. A stopped container, and one in state creating, comes with ErrNotRunning.
func (r *Runtime) operator(c *backends.Container, command string) (backends.Operator, specs.ContainerState, error) {
	b, err := r.recall(c)
	if err != nil {
		return nil, "", err
	}
	status, err := r.status(c, b)
	if err != nil {
		return nil, "", err
	}
	if b == nil {
		return nil, status, ErrNotRunning
	}
	o, ok := b.(backends.Operator)
	if !ok {
		return nil, "", fmt.Errorf("%s: not supported by the %s backend", command, c.Backend)
	}
	if status == specs.StateStopped || status == specs.StateCreating {
		err = ErrNotRunning
	}
	return o, status, err
}

// running turns os.ErrProcessDone, the error for a container that ended meanwhile, into
// ErrNotRunning.
func running(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return ErrNotRunning
	}
	return err
}

// Pids returns the host pids of a container's processes. In a stopped container these are the
// processes that outlived the first one.
func (r *Runtime) Pids(c *backends.Container) ([]int, error) {
	o, status, err := r.operator(c, "ps")
	if err != nil && status != specs.StateStopped || o == nil {
		return nil, err
	}
	pids, err := o.Pids(c)
	if errors.Is(err, os.ErrProcessDone) {
		return nil, nil
	}
	return pids, err
}

// Pause stops all processes of a created or running container until Resume.
func (r *Runtime) Pause(ctx context.Context, c *backends.Container) error {
	o, status, err := r.operator(c, "pause")
	if err != nil {
		return err
	}
	if status == StatePaused {
		return fmt.Errorf("%w: %s", ErrNotRunning, status)
	}
	return running(o.Pause(ctx, c))
}

// Resume lets the processes of a paused container run on.
func (r *Runtime) Resume(ctx context.Context, c *backends.Container) error {
	o, status, err := r.operator(c, "resume")
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	if status != StatePaused {
		return ErrNotPaused
	}
	return running(o.Resume(ctx, c))
}

// Update changes the limits of a container. It calls resources for the new limits only when it knows
// that the container runs.
func (r *Runtime) Update(ctx context.Context, c *backends.Container, resources func() (*specs.LinuxResources, error)) error {
	if _, _, err := r.operator(c, "update"); err != nil {
		return err
	}
	limits, err := resources()
	if err != nil {
		return err
	}
	// The backend saves the limits, so two updates must not run at once.
	e, b, err := r.lock(c.ID)
	if err != nil {
		return err
	}
	defer e.Close()
	o, ok := b.(backends.Operator)
	if !ok {
		return ErrNotRunning // deleted, and made again with another backend
	}
	return running(o.Update(ctx, e.Container, limits))
}

// noCRIU is the error of checkpoint and restore.
func noCRIU(command, backend string) error {
	return fmt.Errorf("%s: not supported by the %s backend: CRIU cannot restore its containers", command, backend)
}

// Checkpoint fails: no backend of berth's own supports it.
func (r *Runtime) Checkpoint(c *backends.Container) error {
	if _, err := r.recall(c); err != nil {
		return err
	}
	return noCRIU("checkpoint", c.Backend)
}

// Restore fails like Checkpoint.
func (r *Runtime) Restore(p *Plan) error {
	if _, err := r.accept(p); err != nil {
		return err
	}
	return noCRIU("restore", p.Backend)
}

// Stats returns the statistics of a container.
func (r *Runtime) Stats(c *backends.Container) (*backends.Stats, error) {
	o, _, err := r.operator(c, "events")
	if err != nil {
		return nil, err
	}
	s, err := o.Stats(c)
	return s, running(err)
}

// Event is one line of the events command.
type Event struct {
	Type string          `json:"type"`
	ID   string          `json:"id"`
	Data *backends.Stats `json:"data,omitempty"`
}

// Events calls f with a container's statistics at each interval, and with an oom event whenever the
// kernel has killed one of its processes for lack of memory. It returns when the container has
// ended or f fails.
func (r *Runtime) Events(ctx context.Context, c *backends.Container, interval time.Duration, f func(Event) error) error {
	o, _, err := r.operator(c, "events")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kills := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- o.WatchOOM(ctx, c, func() {
			select {
			case kills <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return running(err)
		case <-kills:
			err = f(Event{Type: "oom", ID: c.ID})
		case <-tick.C:
			err = stats(c, o, f)
		}
		if err != nil {
			return err
		}
	}
}

// stats calls f with the container's statistics. If the container has ended, stats returns nil:
// WatchOOM is about to report the end.
func stats(c *backends.Container, o backends.Operator, f func(Event) error) error {
	s, err := o.Stats(c)
	if err == nil {
		return f(Event{Type: "stats", ID: c.ID, Data: s})
	}
	if c.Process.Alive() {
		return err
	}
	return nil
}
