package backends

import (
	"context"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Operator is a Backend that does itself what runc has beyond the OCI
// lifecycle. Methods find a container that has stopped meanwhile to be
// os.ErrProcessDone.
type Operator interface {
	Backend
	// OwnProcess is process of the config.json that the container was made
	// from, for a caller that wants to run a variant of it.
	OwnProcess(c *Container) (*specs.Process, error)
	// Exec runs a further process in the container, and returns when it has
	// begun its program. It is a child of the calling process. What p leaves
	// open of what belongs to the container (capabilities, labels, OOM score,
	// scheduling) is the container's own. The container's
	// record need not be locked.
	Exec(ctx context.Context, c *Container, p *specs.Process, o ExecOptions) (Process, error)
	// Pids are the host's pids of the container's processes, in ascending order.
	Pids(c *Container) ([]int, error)
	// Pause stops every process of the container until Resume; Status is
	// "paused" meanwhile.
	Pause(ctx context.Context, c *Container) error
	Resume(ctx context.Context, c *Container) error
	// Update changes limits; what r does not name stays as it is.
	Update(ctx context.Context, c *Container, r *specs.LinuxResources) error
	// Stats measures the container.
	Stats(c *Container) (*Stats, error)
	// WatchOOM calls f each time that the kernel has killed a process of the
	// container for want of memory, and returns when the container has ended
	// or ctx is done.
	WatchOOM(ctx context.Context, c *Container, f func()) error
}

// ExecOptions are the flags of exec that a backend acts on.
type ExecOptions struct {
	// Cgroup is a cgroup of the container's for the process, relative to the
	// container's own; that one if it is empty.
	Cgroup string
	// ConsoleSocket receives the terminal's master side, if there is a terminal.
	ConsoleSocket string
	// PidfdSocket receives a pidfd of the process.
	PidfdSocket string
	// PreserveFDs is the number of descriptors from 3 on for the process.
	PreserveFDs int
	// Stdio are the process's descriptors 0 to 2; berth's own by default.
	Stdio [3]*os.File
}
