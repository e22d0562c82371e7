package delegation

import (
	"cmp"
	"context"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/runtime"
)

// The methods of this file have the form of those of runtime.Runtime. Those that hand over return
// only if the other runtime cannot be run.

// State asks the other runtime for the state of a container.
func (d *Delegation) State(c *backends.Container) (*runtime.Info, error) {
	to, err := d.of(c)
	if err != nil {
		return nil, err
	}
	report, err := to.Report(c)
	if err != nil {
		return nil, err
	}
	return reported(c, report), nil
}

// reported returns a container as its runtime reports it. The record fills in what the report
// leaves out.
func reported(c *backends.Container, report *crun.Report) *runtime.Info {
	known := *c
	known.Process.Pid = report.Pid
	known.Bundle = cmp.Or(report.Bundle, c.Bundle)
	known.Rootfs = cmp.Or(report.Rootfs, c.Rootfs)
	known.Owner = cmp.Or(report.Owner, c.Owner)
	if !report.Created.IsZero() {
		known.Created = report.Created
	}
	if report.Annotations != nil {
		known.Annotations = report.Annotations
	}
	return &runtime.Info{
		Container: &known, Status: report.Status,
		Delegated: true, StateVersion: report.OCIVersion, Extra: report.Extra,
	}
}

// Start has the other runtime start the container's process.
func (d *Delegation) Start(_ context.Context, c *backends.Container) error {
	return d.handOver(c, crun.StartCall(c.ID))
}

// Kill has the other runtime send a signal.
func (d *Delegation) Kill(
	_ context.Context, c *backends.Container, sig syscall.Signal, all bool,
) error {
	return d.handOver(c, crun.KillCall(c.ID, sig, all))
}

// The methods from here on hand the command over in the caller's words.

// Exec hands exec over.
func (d *Delegation) Exec(
	_ context.Context, c *backends.Container, _ runtime.ExecOptions,
) (int, error) {
	return -1, d.handOver(c, d.call)
}

// Pids hands ps over.
func (d *Delegation) Pids(c *backends.Container) ([]int, error) {
	return nil, d.handOver(c, d.call)
}

// Pause hands pause over.
func (d *Delegation) Pause(_ context.Context, c *backends.Container) error {
	return d.handOver(c, d.call)
}

// Resume hands resume over.
func (d *Delegation) Resume(_ context.Context, c *backends.Container) error {
	return d.handOver(c, d.call)
}

// Update hands update over. It does not ask for the limits.
func (d *Delegation) Update(
	_ context.Context, c *backends.Container, _ func() (*specs.LinuxResources, error),
) error {
	return d.handOver(c, d.call)
}

// Stats hands events --stats over.
func (d *Delegation) Stats(c *backends.Container) (*backends.Stats, error) {
	return nil, d.handOver(c, d.call)
}

// Events hands events over.
func (d *Delegation) Events(
	_ context.Context, c *backends.Container, _ time.Duration, _ func(runtime.Event) error,
) error {
	return d.handOver(c, d.call)
}

// Checkpoint hands checkpoint over.
func (d *Delegation) Checkpoint(c *backends.Container) error { return d.handOver(c, d.call) }

// Administer fails: no other runtime has an administration tool.
func (d *Delegation) Administer(c *backends.Container, _ []string) error {
	return runtime.NotAdministered(c)
}

func (d *Delegation) handOver(c *backends.Container, call crun.Call) error {
	to, err := d.of(c)
	if err != nil {
		return err
	}
	return to.HandOver(c, call)
}
