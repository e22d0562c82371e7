// Package backends defines what all backends share: the Backend interface, and Container, which is
// what berth remembers of a container between two commands.
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

// Backend runs containers. The caller of a method holds the lock on the container's record. If a
// method fails, nothing of the container is left behind, unless the method's comment says
// otherwise.
type Backend interface {
	// Name returns the backend's name, as it appears on the command line and in records.
	Name() string
	// Usable returns why the backend cannot work on this host, or nil if it can.
	Usable() error
	// Check returns a problem for each field of a valid config.json that the backend cannot honour.
	Check(s *specs.Spec) spec.Problems
	// Create makes the container up to the point where only Start is missing, and fills in
	// c.Process and c.Data. Before it makes something that a later Delete has to know about, it
	// calls save.
	Create(ctx context.Context, c *Container, s *specs.Spec, o CreateOptions, save func() error) error
	// Start runs the user process of a created container.
	Start(ctx context.Context, c *Container) error
	// Status reads the container's state from the system.
	Status(c *Container) (specs.ContainerState, error)
	// Kill sends a signal to the container's first process, or to all of its processes if all is
	// true.
	Kill(ctx context.Context, c *Container, sig os.Signal, all bool) error
	// Delete removes a stopped container. With force it removes a container in any state, including
	// one that is only half made. Delete can be repeated.
	Delete(ctx context.Context, c *Container, force bool) error
}

// Preflighter is a Backend that can tell what Create would refuse on this host, although Check
// accepts the config.
type Preflighter interface {
	Preflight(s *specs.Spec) spec.Problems
}

// RecordChecker is a Backend that can recognize records that it cannot have written.
type RecordChecker interface {
	// CheckRecord looks at the contents of the record. The error wraps record.ErrDamaged if the
	// backend cannot have written them. Nothing in the record may be acted upon then.
	CheckRecord(c *Container) error
}

// Recoverer is a Backend that can remove a container whose record cannot be understood. It goes by
// the container's id, its state directory and what it finds on the host.
type Recoverer interface {
	// Recover removes what is left of the container, if anything. It removes only what certainly
	// belongs to the container. done lists what it did.
	Recover(ctx context.Context, c *Container) (done []string, err error)
}

// ErrLeftBehind is wrapped by the error of an operation that could not remove everything it had
// made. Delete can try again.
var ErrLeftBehind = errors.New("something was left behind")

// Container is what berth remembers of a container between two commands.
type Container struct {
	ID          string            `json:"id"`
	OCIVersion  string            `json:"ociVersion"`
	Backend     string            `json:"backend"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     time.Time         `json:"created"`
	Owner       string            `json:"owner"`
	// Complete is set once Create has succeeded. A record without it belongs to a create that is
	// still running or was interrupted.
	Complete bool `json:"complete"`
	// SystemdCgroup is true if CgroupsPath is not a path but has systemd's form slice:prefix:name.
	SystemdCgroup bool   `json:"systemdCgroup,omitempty"`
	CgroupsPath   string `json:"cgroupsPath,omitempty"`
	// Process is the container's first process, as the host sees it. It may be unknown if another
	// runtime has the container.
	Process Process `json:"process"`
	// Creator is the berth process that creates the container.
	Creator Process `json:"creator,omitzero"`
	// Runner is the process that runs the container in the foreground. When it ends, the container
	// is gone.
	Runner Process     `json:"runner,omitzero"`
	Hooks  *LaterHooks `json:"hooks,omitempty"`
	// Owed is set as soon as a delete begins.
	Owed *Owed `json:"owed,omitempty"`
	// Data is the backend's own data.
	Data json.RawMessage `json:"data,omitempty"`

	// Root is the state directory that holds the record. Dir is the container's own directory in
	// it. Both come from where the record was found.
	Root string `json:"-"`
	Dir  string `json:"-"`
	// Lock is the container's directory, open and locked. A child process that must finish before a
	// later berth works on the container inherits Lock. The child then keeps the lock even if this
	// berth is killed.
	Lock *os.File `json:"-"`
}

// CreateOptions are the flags of create and run that a backend acts on.
type CreateOptions struct {
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string
	NoPivot       bool
	NoNewKeyring  bool
	// PreserveFDs is the number of descriptors that the container's process inherits, counted from
	// 3 plus ListenFDs. Package crun gets the number that the caller gave.
	PreserveFDs int
	// ListenFDs is the number of sockets passed by socket activation (sd_listen_fds(3)). They start
	// at descriptor 3.
	ListenFDs int
	// Stdio are the container's descriptors 0 to 2. A nil file stands for berth's own descriptor.
	Stdio [3]*os.File
	// Config holds the bytes of config.json from which the container's Spec was parsed.
	Config []byte
}

// State returns the container's state as the OCI spec defines it (runtime.md#state). A stopped
// container has no pid in it.
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

// OwnStdio returns files with berth's own descriptors 0 to 2 in place of nil.
func OwnStdio(files [3]*os.File) [3]*os.File {
	for i, own := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if files[i] == nil {
			files[i] = own
		}
	}
	return files
}
