// Package runtime is the lifecycle of an OCI container, the same for every
// backend: which operation is allowed in which state, in which order hooks and
// records come, and what the errors say (runtime.md of the OCI runtime
// specification; the words are runc's, which engines look for).
package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// StatePaused is runc's extension of the specification's states.
const StatePaused specs.ContainerState = "paused"

// Errors that callers decide on.
var (
	ErrNotRunning     = errors.New("container not running")
	ErrAlreadyRunning = errors.New("cannot start an already running container")
	ErrHasStopped     = errors.New("cannot start a container that has stopped")
	ErrNotStopped     = errors.New("is not stopped")
)

// Runtime knows the containers of one state directory.
type Runtime struct {
	store    *state.Store
	backends map[string]backends.Backend
}

// New opens the state directory root for the given backends.
func New(root string, list ...backends.Backend) (*Runtime, error) {
	store, err := state.Open(root)
	if err != nil {
		return nil, err
	}
	r := &Runtime{store: store, backends: map[string]backends.Backend{}}
	for _, b := range list {
		r.backends[b.Name()] = b
	}
	return r, nil
}

// patience is how long a command waits for another one on the same container.
// It covers what Proxmox VE may take for a start or a stop.
const patience = 3 * time.Minute

// lock opens a container's record for a command that changes it.
func (r *Runtime) lock(id string) (*state.Entry, backends.Backend, error) {
	e, err := r.store.Lock(id, patience)
	if err != nil {
		return nil, nil, err
	}
	b, err := r.backend(e.Container.Backend)
	if err != nil {
		e.Close()
		return nil, nil, err
	}
	return e, b, nil
}

// backend finds the backend of a record. A record that was never written has
// none, and nothing to ask of it.
func (r *Runtime) backend(name string) (backends.Backend, error) {
	if name == "" {
		return nil, nil
	}
	b, ok := r.backends[name]
	if !ok {
		return nil, fmt.Errorf("backend %q: this build of berth has no such backend", name)
	}
	return b, nil
}

// Info is a container with its state at this moment.
type Info struct {
	*backends.Container
	Status specs.ContainerState
}

// State reads the state of a container.
func (r *Runtime) State(id string) (*Info, error) {
	c, err := r.store.Read(id)
	if err != nil {
		return nil, err
	}
	b, err := r.backend(c.Backend)
	if err != nil {
		return nil, err
	}
	status, err := r.status(c, b)
	if err != nil {
		return nil, err
	}
	return &Info{Container: c, Status: status}, nil
}

// status is creating until Create is done; a record that Create has left
// unfinished counts as stopped.
func (r *Runtime) status(c *backends.Container, b backends.Backend) (specs.ContainerState, error) {
	if c.Complete {
		return b.Status(c)
	}
	if r.store.Busy(c.ID) {
		return specs.StateCreating, nil
	}
	return specs.StateStopped, nil
}

// List reads the state of all containers. One that is deleted meanwhile is left
// out; one whose record cannot be read is an error beside the rest.
func (r *Runtime) List() ([]*Info, error) {
	ids, err := r.store.List()
	if err != nil {
		return nil, err
	}
	var list []*Info
	var errs []error
	for _, id := range ids {
		info, err := r.State(id)
		switch {
		case errors.Is(err, state.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		default:
			list = append(list, info)
		}
	}
	return list, errors.Join(errs...)
}

// Start runs the user's process of a created container, and the poststart
// hooks. When one of these fails the container is stopped and removed
// (runtime.md#lifecycle, step 9).
func (r *Runtime) Start(ctx context.Context, id string) error {
	e, b, err := r.lock(id)
	if err != nil {
		return err
	}
	defer e.Close()
	status, err := r.status(e.Container, b)
	if err != nil {
		return err
	}
	switch status {
	case specs.StateCreated:
	case specs.StateRunning, StatePaused:
		return ErrAlreadyRunning
	default:
		return ErrHasStopped
	}
	if err := b.Start(ctx, e.Container); err != nil {
		return err
	}
	if err := poststart(ctx, e.Container); err != nil {
		return errors.Join(err, r.remove(ctx, e, b, true))
	}
	return nil
}
