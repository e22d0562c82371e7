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

// operator finds a container for a command that runc has beyond the OCI lifecycle. It hands the
// container of another runtime over to that runtime, and then does not return unless that runtime
// cannot be run. A stopped container, and one in state creating, comes with ErrNotRunning.
func (r *Runtime) operator(id string, call backends.Call) (*backends.Container, backends.Operator, specs.ContainerState, error) {
	c, b, err := r.find(id)
	if err != nil {
		return nil, nil, "", err
	}
	if d, ok := b.(backends.Delegating); ok {
		return nil, nil, "", d.HandOver(c, call)
	}
	status, err := r.status(c, b)
	if err != nil {
		return nil, nil, "", err
	}
	if b == nil {
		return c, nil, status, ErrNotRunning
	}
	o, ok := b.(backends.Operator)
	if !ok {
		return nil, nil, "", fmt.Errorf("%s: not supported by the %s backend", call.Command, c.Backend)
	}
	if status == specs.StateStopped || status == specs.StateCreating {
		err = ErrNotRunning
	}
	return c, o, status, err
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
func (r *Runtime) Pids(id string, call backends.Call) ([]int, error) {
	c, o, status, err := r.operator(id, call)
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
func (r *Runtime) Pause(ctx context.Context, id string, call backends.Call) error {
	c, o, status, err := r.operator(id, call)
	if err != nil {
		return err
	}
	if status == StatePaused {
		return fmt.Errorf("%w: %s", ErrNotRunning, status)
	}
	return running(o.Pause(ctx, c))
}

// Resume lets the processes of a paused container run on.
func (r *Runtime) Resume(ctx context.Context, id string, call backends.Call) error {
	c, o, status, err := r.operator(id, call)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	if status != StatePaused {
		return ErrNotPaused
	}
	return running(o.Resume(ctx, c))
}

// Update changes the limits of a container of berth's own backends. It calls resources for the new
// limits only when it knows that such a container runs.
func (r *Runtime) Update(ctx context.Context, id string, resources func() (*specs.LinuxResources, error), call backends.Call) error {
	if _, _, _, err := r.operator(id, call); err != nil {
		return err
	}
	limits, err := resources()
	if err != nil {
		return err
	}
	// The backend saves the limits, so two updates must not run at once.
	e, b, err := r.lock(id)
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

// Stats returns the statistics of a container.
func (r *Runtime) Stats(id string, call backends.Call) (*backends.Stats, error) {
	c, o, _, err := r.operator(id, call)
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
func (r *Runtime) Events(ctx context.Context, id string, interval time.Duration, call backends.Call, f func(Event) error) error {
	c, o, _, err := r.operator(id, call)
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
			err = f(Event{Type: "oom", ID: id})
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
