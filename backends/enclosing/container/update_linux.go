package container

import (
	"context"
	"errors"
	"maps"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/spec"
)

// Update changes the limits that r names. Limits depend on each other (swap on memory, quota on
// period), so Update writes all of the container's limits again. Device rules cannot be changed, as
// in runc.
func Update(ctx context.Context, t enclosure.Tool, c *backends.Container, r *specs.LinuxResources) error {
	if err := spec.CheckResources(r).Err(); err != nil {
		return err
	}
	group, d, err := live(c)
	if err != nil {
		return err
	}
	defer group.Close()
	k, err := savedconfig.Load(c)
	if err != nil {
		return err
	}
	before := k.Linux.Resources
	if before == nil {
		before = &specs.LinuxResources{}
	}
	now := merge(before, r)
	limits, err := cgroup.Resources(now, nil)
	if err != nil {
		return err
	}
	if err := group.Missing(limits).Err(); err != nil {
		return err
	}
	if asked, err := cgroup.Resources(r, nil); err == nil {
		backends.LogWarnings(cgroup.Ignored(asked))
	}
	if a, ok := t.(enclosure.Adjuster); ok {
		if err := a.Adjust(ctx, c, d, now, before); err != nil {
			return err
		}
	}
	if err := apply(d, now); err != nil {
		// Restore what was written in part, or by the tool.
		if a, ok := t.(enclosure.Adjuster); ok {
			err = errors.Join(err, a.Adjust(context.WithoutCancel(ctx), c, d, before, now))
		}
		return errors.Join(err, apply(d, before))
	}
	k.Linux.Resources = now
	return k.Write(c)
}

func apply(d *enclosure.Data, r *specs.LinuxResources) error {
	limits, err := cgroup.Resources(r, nil)
	if err != nil {
		return err
	}
	limits.SkipDevices = true
	return d.Limit(limits)
}

// merge returns a copy of a, with the values that b names.
func merge(a, b *specs.LinuxResources) *specs.LinuxResources {
	out := *a
	out.Memory = mergeMemory(a.Memory, b.Memory)
	out.CPU = mergeCPU(a.CPU, b.CPU)
	out.BlockIO = mergeBlockIO(a.BlockIO, b.BlockIO)
	if b.Pids != nil && b.Pids.Limit != nil {
		out.Pids = b.Pids
	}
	if b.HugepageLimits != nil {
		out.HugepageLimits = b.HugepageLimits
	}
	if b.Rdma != nil {
		out.Rdma = b.Rdma
	}
	if b.Unified != nil {
		out.Unified = maps.Clone(a.Unified)
		if out.Unified == nil {
			out.Unified = map[string]string{}
		}
		maps.Copy(out.Unified, b.Unified)
	}
	return &out
}

func mergeMemory(a, b *specs.LinuxMemory) *specs.LinuxMemory {
	if b == nil {
		return a
	}
	out := specs.LinuxMemory{}
	if a != nil {
		out = *a
	}
	if b.Limit != nil && *b.Limit == -1 && b.Swap == nil {
		// No memory limit means no swap limit either, as with cgroup v1 (runc).
		out.Swap = b.Limit
	}
	over(&out.Limit, b.Limit)
	over(&out.Reservation, b.Reservation)
	over(&out.Swap, b.Swap)
	over(&out.Swappiness, b.Swappiness)
	over(&out.DisableOOMKiller, b.DisableOOMKiller)
	over(&out.CheckBeforeUpdate, b.CheckBeforeUpdate)
	return &out
}

func mergeCPU(a, b *specs.LinuxCPU) *specs.LinuxCPU {
	if a == nil || b == nil {
		return either(a, b)
	}
	out := *a
	if b.Idle != nil {
		// The kernel takes no weight while cpu.idle is 1, and forgets the old one.
		out.Shares = nil
	}
	over(&out.Shares, b.Shares)
	over(&out.Quota, b.Quota)
	over(&out.Burst, b.Burst)
	over(&out.Period, b.Period)
	over(&out.RealtimeRuntime, b.RealtimeRuntime)
	over(&out.RealtimePeriod, b.RealtimePeriod)
	over(&out.Idle, b.Idle)
	if b.Cpus != "" {
		out.Cpus = b.Cpus
	}
	if b.Mems != "" {
		out.Mems = b.Mems
	}
	return &out
}

func mergeBlockIO(a, b *specs.LinuxBlockIO) *specs.LinuxBlockIO {
	if a == nil || b == nil {
		return either(a, b)
	}
	out := *a
	over(&out.Weight, b.Weight)
	over(&out.LeafWeight, b.LeafWeight)
	for _, list := range []struct {
		to   *[]specs.LinuxThrottleDevice
		from []specs.LinuxThrottleDevice
	}{
		{&out.ThrottleReadBpsDevice, b.ThrottleReadBpsDevice},
		{&out.ThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice},
		{&out.ThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice},
		{&out.ThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice},
	} {
		if list.from != nil {
			*list.to = list.from
		}
	}
	if b.WeightDevice != nil {
		out.WeightDevice = b.WeightDevice
	}
	return &out
}

func either[T any](a, b *T) *T {
	if b != nil {
		return b
	}
	return a
}

func over[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}
