// Package backends holds what every place that a container can live in has in
// common: the Backend interface, and what is remembered of a container between
// two commands.
package backends

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Backend gives containers a place to run. Methods are called with the
// container's record locked; an error leaves nothing of the container behind
// unless the method says otherwise.
type Backend interface {
	// Name is the backend's name on the command line and in records.
	Name() string
	// Usable says why the backend cannot work on this host; nil when it can.
	Usable() error
	// Check names each field of a valid config.json that the backend cannot
	// honour.
	Check(s *specs.Spec) spec.Problems
	// Create makes the container up to the point where only Start is missing,
	// and fills in c.Process and c.Data. It calls save whenever something
	// exists that a later Delete has to know of, before making it.
	Create(ctx context.Context, c *Container, s *specs.Spec, o CreateOptions, save func() error) error
	// Start runs the user's process of a created container.
	Start(ctx context.Context, c *Container) error
	// Status reads the container's state from the system.
	Status(c *Container) (specs.ContainerState, error)
	// Kill sends a signal to the container's first process, or to all.
	Kill(ctx context.Context, c *Container, sig os.Signal, all bool) error
	// Delete removes what is left of the container: of a stopped one, or with
	// force of one in any state, half-made ones included. It can be repeated.
	Delete(ctx context.Context, c *Container, force bool) error
}

// Foreseeing is a Backend that can tell what Create would refuse in a config that
// Check accepts because of what this host is.
type Preflighter interface {
	Preflight(s *specs.Spec) spec.Problems
}

// Recalling is a Backend that can tell a record that it can have written from one
// that it cannot.
type RecordChecker interface {
	// Recall looks at what the record says. The error wraps record.ErrDamaged if
	// that is not what the backend has written: then nothing in it is to be acted
	// upon.
	CheckRecord(c *Container) error
}

// Salvaging is a Backend that can clear away a container whose record cannot be
// understood, from its id, its state directory and what else is there.
type Recoverer interface {
	// Salvage removes what there is, if anything, and only what is certain to
	// be the container's. It says what it did.
	Recover(ctx context.Context, c *Container) (done []string, err error)
}

// ErrLeftBehind is in the error of an operation that could not remove all that
// it had made; Delete can try again.
var ErrLeftBehind = errors.New("something was left behind")

// Container is what is remembered of one container between two commands.
type Container struct {
	ID          string            `json:"id"`
	OCIVersion  string            `json:"ociVersion"`
	Backend     string            `json:"backend"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     time.Time         `json:"created"`
	Owner       string            `json:"owner"`
	// Complete is set once Create has succeeded. A record without it belongs
	// to a create that is under way or was interrupted.
	Complete bool `json:"complete"`
	// SystemdCgroup says how CgroupsPath is written: as systemd's
	// slice:prefix:name instead of a path.
	SystemdCgroup bool   `json:"systemdCgroup,omitempty"`
	CgroupsPath   string `json:"cgroupsPath,omitempty"`
	// Process is the container's first process, as the host sees it. It may be
	// unknown where another runtime has the container.
	Process Process `json:"process"`
	// Creator is the berth that creates the container.
	Creator Process `json:"creator,omitzero"`
	// Runner is the process that runs the container in the foreground, and
	// with whose end the container has gone.
	Runner Process     `json:"runner,omitzero"`
	Hooks  *LaterHooks `json:"hooks,omitempty"`
	// Owed is set from the moment on in which a delete begins.
	Owed *Owed `json:"owed,omitempty"`
	// Data belongs to the backend.
	Data json.RawMessage `json:"data,omitempty"`

	// Root is the state root that holds the record, Dir the container's own
	// directory in it. They come from where the record was found.
	Root string `json:"-"`
	Dir  string `json:"-"`
	// Lock is the locked directory. A command that must not be overtaken by a
	// later berth, should this one be killed, inherits it and so the lock.
	Lock *os.File `json:"-"`
}

// CreateOptions are the flags of create and run that a backend acts on.
type CreateOptions struct {
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string
	NoPivot       bool
	NoNewKeyring  bool
	// PreserveFDs is the number of descriptors from 3 on (after ListenFDs)
	// that the container's process inherits. A delegating backend gets what
	// the caller has said instead.
	PreserveFDs int
	// ListenFDs is the number of sockets passed by socket activation
	// (sd_listen_fds(3)), from descriptor 3 on.
	ListenFDs int
	// Stdio are the container's descriptors 0 to 2; berth's own by default.
	Stdio [3]*os.File
	// Config are the bytes of config.json that the container's Spec is from.
	Config []byte
}

// State is the container's state as the OCI spec words it (runtime.md#state).
func (c *Container) State(status specs.ContainerState) specs.State {
	s := specs.State{
		Version:     specs.Version,
		ID:          c.ID,
		Status:      status,
		Bundle:      c.Bundle,
		Annotations: c.Annotations,
	}
	if status != specs.StateStopped {
		s.Pid = c.Process.Pid
	}
	return s
}
