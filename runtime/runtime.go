// Package runtime is the lifecycle of an OCI container, the same for every backend: which operation
// is allowed in which state, in which order hooks run and records are written, and what the errors
// say (runtime.md of the OCI runtime spec). The errors have runc's words, because engines look for
// them. Containers that berth delegates to another runtime are not this package's (see Elsewhere).
package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime/state"
)

// States that the OCI runtime spec does not have.
const (
	// StatePaused is runc's state of a paused container.
	StatePaused specs.ContainerState = "paused"
	// StateLost is a container that is recorded, but that the runtime to which berth delegated it no
	// longer knows.
	StateLost specs.ContainerState = "lost"
	// StateDamaged is a container whose record cannot be understood.
	StateDamaged specs.ContainerState = "damaged"
	// StateNewer is a container whose record a newer berth wrote, in a format that this berth does
	// not know.
	StateNewer specs.ContainerState = "newer"
)

// Errors that callers test for.
var (
	ErrNotRunning     = errors.New("container not running")
	ErrAlreadyRunning = errors.New("cannot start an already running container")
	ErrHasStopped     = errors.New("cannot start a container that has stopped")
	ErrNotStopped     = errors.New("is not stopped")
	ErrCreating       = errors.New("cannot start a container that is being created")
)

var errNoBackend = errors.New("this build of berth has no such backend")

// Runtime manages the containers of one state directory that berth's own backends run. A method
// that takes a container takes it as Find has just returned it.
type Runtime struct {
	store     *state.Store
	elsewhere Elsewhere
	makers    []Maker
	backends  map[string]backends.Backend
	noted     *backends.Container
}

// Maker makes a backend when it is first needed.
type Maker struct {
	Name string
	Make func() (backends.Backend, error)
}

// New returns the Runtime of a state directory for the given backends.
func New(store *state.Store, elsewhere Elsewhere, makers ...Maker) *Runtime {
	return &Runtime{store: store, elsewhere: elsewhere, makers: makers, backends: map[string]backends.Backend{}}
}

// Find reads the record of a container. A record whose backend cannot have written it is an error
// only of the methods that take the container.
func (r *Runtime) Find(id string) (*backends.Container, error) {
	c, err := r.store.Read(id)
	if err == nil {
		r.note(c)
	}
	return c, err
}

// lock locks a container and opens its record for a command that changes it.
func (r *Runtime) lock(id string) (*state.Entry, backends.Backend, error) {
	e, err := r.store.Lock(id, state.Patience)
	if err != nil {
		return nil, nil, err
	}
	r.note(e.Container)
	b, err := r.recall(e.Container)
	if err != nil {
		e.Close()
		return nil, nil, err
	}
	return e, b, nil
}

// recall finds the backend of a record, and has the backend check the rest of the record. The error
// wraps state.ErrDamaged if the backend cannot have written it, and ErrElsewhere if another runtime
// has the container.
func (r *Runtime) recall(c *backends.Container) (backends.Backend, error) {
	if elsewhere, err := r.elsewhere.Delegated(c); err != nil {
		return nil, err
	} else if elsewhere {
		return nil, fmt.Errorf("container %q: %w: %s", c.ID, ErrElsewhere, c.Backend)
	}
	b, err := r.backend(c.Backend)
	if errors.Is(err, errNoBackend) {
		err = record.Damaged("%w", err)
	}
	if recalling, ok := b.(backends.RecordChecker); ok && err == nil {
		err = recalling.CheckRecord(c)
	}
	if errors.Is(err, state.ErrDamaged) {
		return nil, r.store.Unreadable(c.ID, err)
	}
	return b, err
}

// backend returns the backend of the given name. The name is empty in a record that was never
// written, and the backend is nil then.
func (r *Runtime) backend(name string) (backends.Backend, error) {
	if name == "" {
		return nil, nil
	}
	if b, ok := r.backends[name]; ok {
		return b, nil
	}
	for _, m := range r.makers {
		if m.Name != name {
			continue
		}
		b, err := m.Make()
		if err != nil {
			return nil, fmt.Errorf("backend %q: %w", name, err)
		}
		r.backends[name] = b
		return b, nil
	}
	return nil, fmt.Errorf("backend %.100q: %w", name, errNoBackend)
}

// Info is a container with its current state.
type Info struct {
	*backends.Container
	Status specs.ContainerState
	// Delegated is true if the container's backend is another runtime. The other fields are set
	// only then.
	Delegated bool
	// Unrecorded is true if the other runtime has the container, but berth has no record of it.
	Unrecorded bool
	// StateVersion is the ociVersion of the state that the other runtime reports, Extra what else
	// it reports.
	StateVersion string
	Extra        map[string]json.RawMessage
}

// State returns the state of a container.
func (r *Runtime) State(c *backends.Container) (*Info, error) {
	b, err := r.recall(c)
	if err != nil {
		return nil, err
	}
	status, err := r.status(c, b)
	if err != nil {
		return nil, err
	}
	return &Info{Container: c, Status: status}, nil
}

// status returns creating until Create is done, and stopped for a record that Create left
// unfinished. Otherwise the backend knows the state.
func (r *Runtime) status(c *backends.Container, b backends.Backend) (specs.ContainerState, error) {
	if c.Complete {
		return b.Status(c)
	}
	if r.store.Busy(c.ID) {
		return specs.StateCreating, nil
	}
	// Create may have finished after the record was read and before Busy.
	switch now, err := r.store.Read(c.ID); {
	case err == nil && now.Complete:
		b, err := r.recall(now) // the record may not have been written before
		if errors.Is(err, ErrElsewhere) {
			return specs.StateCreating, nil
		}
		if err != nil {
			return "", err
		}
		r.note(now)
		*c = *now
		return b.Status(c)
	case err != nil && !errors.Is(err, state.ErrNotExist):
		return "", err
	}
	return specs.StateStopped, nil
}

// creating is true while Create makes the container. Commands that do not interrupt the create
// return at once then, rather than wait for it.
func (r *Runtime) creating(c *backends.Container) (bool, error) {
	b, err := r.recall(c)
	if err != nil || c.Complete {
		return false, err
	}
	status, err := r.status(c, b)
	return status == specs.StateCreating, err
}

// removeStarted kills and removes a container, unless it is gone or its id belongs to another
// container by now.
func (r *Runtime) removeStarted(ctx context.Context, c *backends.Container) error {
	e, b, err := r.lock(c.ID)
	if errors.Is(err, state.ErrNotExist) || errors.Is(err, ErrElsewhere) {
		return nil
	}
	if err != nil {
		return err
	}
	defer e.Close()
	if e.Process != c.Process {
		return nil
	}
	return r.remove(ctx, e, b, true)
}

// Start runs the user process of a created container, and then the poststart hooks. If a hook
// fails, Start stops and removes the container (runtime.md#lifecycle, step 9). Under a service
// manager that waits until the container is ready (NOTIFY_SOCKET), Start returns when the container
// is ready or has ended.
func (r *Runtime) Start(ctx context.Context, c *backends.Container) error {
	return r.start(ctx, c, func(forward func()) { forward() })
}

// start does the work of Start. wait gets a function that waits for the container to be ready, and
// calls it in the foreground or in the background.
func (r *Runtime) start(ctx context.Context, c *backends.Container, wait func(forward func())) error {
	if creating, err := r.creating(c); err != nil {
		return err
	} else if creating {
		return ErrCreating
	}
	e, b, err := r.lock(c.ID)
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
	ready, err := listenNotify(e.Container)
	if err != nil {
		return err
	}
	if err := b.Start(ctx, e.Container); err != nil {
		ready.close()
		return err
	}
	e.Close() // other commands need not wait
	if err := poststart(ctx, e.Container); err != nil {
		ready.close()
		return errors.Join(err, r.removeStarted(ctx, e.Container))
	}
	first := e.Process
	wait(func() {
		ready.forward(first)
		ready.close()
	})
	return nil
}

// Root is the state directory, an absolute path.
func (r *Runtime) Root() string { return r.store.Root() }
