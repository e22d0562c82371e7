package container

import (
	"context"
	"errors"
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

// live opens the cgroup that carries the limits of a container, and returns the container's data.
// If the cgroup is gone, the error is os.ErrProcessDone.
func live(c *backends.Container) (*cgroup.Group, *enclosure.Data, error) {
	d, err := enclosure.DataOf(c)
	if err != nil {
		return nil, nil, err
	}
	limits, err := d.OpenLimits()
	if errors.Is(err, cgroup.ErrGone) {
		err = os.ErrProcessDone
	}
	return limits, d, err
}

// Pids returns the processes in the cgroup, without the stub init.
func Pids(c *backends.Container) ([]int, error) {
	limits, d, err := live(c)
	if err != nil {
		return nil, err
	}
	defer limits.Close()
	pids, err := limits.Processes()
	if err != nil {
		return nil, fmt.Errorf("processes of container %q: %w", c.ID, err)
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool { return pid == d.StubInit.Pid })
	slices.Sort(pids)
	return pids, nil
}

// Pause freezes the container's cgroup.
func Pause(ctx context.Context, c *backends.Container) error {
	limits, _, err := live(c)
	if err != nil {
		return err
	}
	defer limits.Close()
	return limits.Freeze(ctx)
}

// Resume thaws the container's cgroup.
func Resume(c *backends.Container) error {
	limits, _, err := live(c)
	if err != nil {
		return err
	}
	defer limits.Close()
	return limits.Thaw()
}

// Stats measures the cgroup that carries the container's limits.
func Stats(c *backends.Container) (*backends.Stats, error) {
	limits, _, err := live(c)
	if err != nil {
		return nil, err
	}
	defer limits.Close()
	return limits.Stats()
}

// WatchOOM watches the cgroup that carries the container's limits.
func WatchOOM(ctx context.Context, c *backends.Container, f func()) error {
	limits, _, err := live(c)
	if err != nil {
		return err
	}
	defer limits.Close()
	return limits.WatchOOM(ctx, f)
}

// OwnProcess returns process of config.json.
func OwnProcess(c *backends.Container) (*specs.Process, error) {
	k, err := savedconfig.Load(c)
	if err != nil {
		return nil, err
	}
	return k.Process, nil
}
