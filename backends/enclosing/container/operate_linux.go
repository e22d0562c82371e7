package container

import (
	"context"
	"fmt"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
)

// statePaused is a state that runc adds to those of the specification.
const statePaused specs.ContainerState = "paused"

// live returns the data of a container whose cgroup still exists. Otherwise the error is
// os.ErrProcessDone.
func live(c *backends.Container) (*enclosure.Data, error) {
	d, err := enclosure.DataOf(c)
	if err == nil && !d.Cgrouped() {
		err = os.ErrProcessDone
	}
	return d, err
}

// Pids returns the processes in the cgroup, without the stub init.
func Pids(c *backends.Container) ([]int, error) {
	d, err := live(c)
	if err != nil {
		return nil, err
	}
	pids, err := cgroup.Processes(d.Limits)
	if err != nil {
		return nil, fmt.Errorf("processes of container %q: %w", c.ID, err)
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool { return pid == d.StubInit.Pid })
	slices.Sort(pids)
	return pids, nil
}

// Pause freezes the container's cgroup.
func Pause(ctx context.Context, c *backends.Container) error {
	d, err := live(c)
	if err != nil {
		return err
	}
	return cgroup.Freeze(ctx, d.Limits)
}

// Resume thaws the container's cgroup.
func Resume(c *backends.Container) error {
	d, err := live(c)
	if err != nil {
		return err
	}
	return cgroup.Thaw(d.Limits)
}

// Stats measures the cgroup that carries the container's limits.
func Stats(c *backends.Container) (*backends.Stats, error) {
	d, err := live(c)
	if err != nil {
		return nil, err
	}
	return cgroup.Stats(d.Limits)
}

// WatchOOM watches the cgroup that carries the container's limits.
func WatchOOM(ctx context.Context, c *backends.Container, f func()) error {
	d, err := live(c)
	if err != nil {
		return err
	}
	return cgroup.WatchOOM(ctx, d.Limits, f)
}

// OwnProcess returns process of config.json.
func OwnProcess(c *backends.Container) (*specs.Process, error) {
	k, err := savedconfig.Load(c)
	if err != nil {
		return nil, err
	}
	return k.Process, nil
}
