// Package enclosing implements the life of a container in an enclosure that another tool makes,
// such as an LXC container. The container's first process is berth's own child, the init process.
// It enters the enclosure and then execs the user's program. The differences between the tools are
// behind the interface enclosure.Tool. The work is in the packages below.
package enclosing

import (
	"context"
	"fmt"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/container"
	"github.com/berth-oci/berth/backends/enclosing/create"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/exec"
	"github.com/berth-oci/berth/backends/enclosing/explain"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/spec"
)

// Backend implements backends.Backend over a tool that makes enclosures.
type Backend struct{ tool enclosure.Tool }

// New returns the backend for a tool that makes enclosures.
func New(t enclosure.Tool) backends.Backend { return Backend{t} }

var (
	_ backends.Operator      = Backend{}
	_ backends.Explaining    = Backend{}
	_ backends.Preflighter   = Backend{}
	_ backends.RecordChecker = Backend{}
	_ backends.Recoverer     = Backend{}
	_ backends.Postponing    = Backend{}
	_ backends.Diagnoser     = Backend{}
	_ backends.Administered  = Backend{}
	_ backends.Versioner     = Backend{}
)

// Name returns the tool's name.
func (b Backend) Name() string { return b.tool.Name() }

// Usable returns why the tool cannot work on this host, or nil if it can.
func (b Backend) Usable() error { return b.tool.Usable() }

// Create makes the container up to the point where only Start is missing.
func (b Backend) Create(ctx context.Context, c *backends.Container, s *specs.Spec, o backends.CreateOptions, save func() error) error {
	return create.Run(ctx, b.tool, c, s, o, save)
}

// Start tells the init process to exec the user's program.
func (b Backend) Start(_ context.Context, c *backends.Container) error { return container.Start(c) }

// Status derives the state from the first process and its cgroup.
func (b Backend) Status(c *backends.Container) (specs.ContainerState, error) {
	return container.Status(c)
}

// Kill sends a signal to the first process, or to all processes in the cgroup.
func (b Backend) Kill(_ context.Context, c *backends.Container, sig os.Signal, all bool) error {
	return container.Kill(c, sig.(syscall.Signal), all)
}

// Delete ends what still runs and removes the enclosure.
func (b Backend) Delete(ctx context.Context, c *backends.Container, _ bool) error {
	return container.Delete(ctx, b.tool, c)
}

// Postpone leaves only the enclosure to a later Delete.
func (b Backend) Postpone(c *backends.Container) error { return container.Postpone(b.tool, c) }

// Recover ends the processes of a container and removes its enclosure, without a record.
func (b Backend) Recover(ctx context.Context, c *backends.Container) (done []string, err error) {
	return container.Recover(ctx, b.tool, c)
}

// CheckRecord refuses a record that Create cannot have written.
func (b Backend) CheckRecord(c *backends.Container) error {
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	return d.Check(c, b.Name(), func(name string) bool {
		n, ok := b.tool.(enclosure.Naming)
		return !ok || n.Named(c, name)
	})
}

// OwnProcess returns process of the config.json that the container was made from.
func (b Backend) OwnProcess(c *backends.Container) (*specs.Process, error) {
	return container.OwnProcess(c)
}

// Exec runs a process beside the first one.
func (b Backend) Exec(_ context.Context, c *backends.Container, p *specs.Process, o backends.ExecOptions) (backends.Process, error) {
	return exec.Run(c, p, o)
}

// Pids returns the processes in the cgroup, without the stub init.
func (b Backend) Pids(c *backends.Container) ([]int, error) { return container.Pids(c) }

// Pause freezes the container's cgroup.
func (b Backend) Pause(ctx context.Context, c *backends.Container) error {
	return container.Pause(ctx, c)
}

// Resume thaws the container's cgroup.
func (b Backend) Resume(_ context.Context, c *backends.Container) error { return container.Resume(c) }

// Update changes the limits that r names.
func (b Backend) Update(ctx context.Context, c *backends.Container, r *specs.LinuxResources) error {
	return container.Update(ctx, b.tool, c, r)
}

// Stats measures the cgroup that carries the container's limits.
func (b Backend) Stats(c *backends.Container) (*backends.Stats, error) { return container.Stats(c) }

// WatchOOM watches the cgroup that carries the container's limits.
func (b Backend) WatchOOM(ctx context.Context, c *backends.Container, f func()) error {
	return container.WatchOOM(ctx, c, f)
}

// Administer passes the command to the tool.
func (b Backend) Administer(c *backends.Container, words []string) error {
	a, ok := b.tool.(enclosure.Administrator)
	if !ok {
		return fmt.Errorf("container %q is not a CT of Proxmox VE: its backend is %s", c.ID, c.Backend)
	}
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	if d.Name == "" {
		return fmt.Errorf("container %q has no CT yet", c.ID)
	}
	return a.Administer(d.Name, words)
}

// Check returns a problem for each field of config.json that the tool or the init process cannot
// honour.
func (b Backend) Check(s *specs.Spec) spec.Problems { return explain.Check(b.tool, s) }

// Preflight returns what Create would refuse in a valid config because of the host.
func (b Backend) Preflight(s *specs.Spec) spec.Problems { return explain.Preflight(s) }

// Explain goes through the steps of Create without taking them.
func (b Backend) Explain(c *backends.Container, s *specs.Spec, _ backends.CreateOptions) (backends.Explanation, error) {
	return explain.Explain(b.tool, c, s)
}

// Versions returns the programs of the tool, the kernel and the cgroup tree.
func (b Backend) Versions() ([]backends.Tool, error) { return explain.Versions(b.tool) }

// Diagnose asks the tool, if it has something to check.
func (b Backend) Diagnose(ctx context.Context) []backends.Finding {
	if d, ok := b.tool.(backends.Diagnoser); ok {
		return d.Diagnose(ctx)
	}
	return nil
}

// DiagnoseSockets reports whether containers can be kept from LXC's command sockets on this host.
func DiagnoseSockets() backends.Finding { return guard.Diagnose() }

// Features returns what an enclosing backend honours (features-linux.md in the runtime spec).
func Features() *features.Features { return explain.Features() }
