package backends

import (
	"context"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Operator is a Backend that implements the commands that runc has beyond the OCI lifecycle. The
// error of a method wraps os.ErrProcessDone if the container has stopped in the meantime.
type Operator interface {
	Backend
	// OwnProcess returns process of the config.json that the container was made from. A caller can
	// then run a variant of it.
	OwnProcess(c *Container) (*specs.Process, error)
	// Exec runs a further process in the container and returns when the process has begun to run
	// its program. The process is a child of the calling process. Attributes that belong to the
	// container (capabilities, labels, OOM score, scheduling) are the container's own where p does
	// not set them. The container's record need not be locked.
	Exec(ctx context.Context, c *Container, p *specs.Process, o ExecOptions) (Process, error)
	// Pids returns the pids of the container's processes as the host sees them, in ascending order.
	Pids(c *Container) ([]int, error)
	// Pause stops every process of the container until Resume. Meanwhile Status is "paused".
	Pause(ctx context.Context, c *Container) error
	Resume(ctx context.Context, c *Container) error
	// Update changes the limits that r names. All other limits stay as they are.
	Update(ctx context.Context, c *Container, r *specs.LinuxResources) error
	// Stats measures the resources that the container uses.
	Stats(c *Container) (*Stats, error)
	// WatchOOM calls f each time the kernel has killed a process of the container because memory
	// ran out. It returns when the container has ended or ctx is done.
	WatchOOM(ctx context.Context, c *Container, f func()) error
}

// ExecOptions are the flags of exec that a backend acts on.
type ExecOptions struct {
	// Cgroup is the cgroup for the process, relative to the container's cgroup. If it is empty, the
	// process joins the container's cgroup itself.
	Cgroup string
	// ConsoleSocket is the path of the socket that receives the terminal's master, if there is a
	// terminal.
	ConsoleSocket string
	// PidfdSocket is the path of the socket that receives a pidfd of the process.
	PidfdSocket string
	// PreserveFDs is the number of descriptors from 3 on that the process inherits.
	PreserveFDs int
	// Stdio are the process's descriptors 0 to 2. A nil file stands for berth's own descriptor.
	Stdio [3]*os.File
}
