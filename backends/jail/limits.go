package jail

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/spec"
)

// limit is a limit of rctl(8).
type limit struct {
	Resource string
	Amount   uint64
}

// command returns the command that sets the limit for a jail.
func (l limit) command(jail string) tools.Command { return tools.AddLimit(jail, l.Resource, l.Amount) }

// limitFields maps resources to the fields of linux.resources that they come from.
var limitFields = map[string]string{"maxproc": "pids.limit", "memoryuse": "memory.limit", "pcpu": "cpu.quota"}

// limited lists the resources that can be limited.
var limited = []string{"maxproc", "memoryuse", "pcpu"}

// cpuPeriod is the default for cpu.period in microseconds. It is the Linux kernel's default.
const cpuPeriod = 100000

// limitsOf converts linux.resources, which engines write on FreeBSD too, to limits of rctl(8):
// memory to resident memory, pids to processes, a CPU quota to per cent of one CPU. Fields without
// a counterpart are reported as problems.
func limitsOf(r *specs.LinuxResources) ([]limit, spec.Problems) {
	if r == nil {
		return nil, nil
	}
	var out []limit
	if m := r.Memory; m != nil && m.Limit != nil && *m.Limit > 0 {
		out = append(out, limit{"memoryuse", uint64(*m.Limit)})
	}
	if p := r.Pids; p != nil && p.Limit != nil && *p.Limit > 0 {
		out = append(out, limit{"maxproc", uint64(*p.Limit)})
	}
	if c := r.CPU; c != nil && c.Quota != nil && *c.Quota > 0 {
		period := uint64(cpuPeriod)
		if c.Period != nil && *c.Period > 0 {
			period = *c.Period
		}
		out = append(out, limit{"pcpu", max(1, uint64(*c.Quota)*100/period)})
	}
	slices.SortFunc(out, func(a, b limit) int { return slices.Index(limited, a.Resource) - slices.Index(limited, b.Resource) })
	return out, unlimited(r)
}

// unlimited reports the fields of r that cannot be honoured.
func unlimited(r *specs.LinuxResources) spec.Problems {
	var ps spec.Problems
	refuse := func(is bool, path, why string) {
		if is {
			ps = append(ps, spec.Problem{Path: "linux.resources." + path, Level: spec.Error, Message: why})
		}
	}
	const none = "FreeBSD has no such limit for a jail"
	if m := r.Memory; m != nil {
		refuse(set(m.Swap) && *m.Swap >= 0, "memory.swap", none+": omit it, or use -1 for no limit (--memory-swap=-1)")
		refuse(set(m.Reservation), "memory.reservation", none)
		//lint:ignore SA1019 engines of old may send it
		refuse(set(m.Kernel), "memory.kernel", none)
		refuse(set(m.KernelTCP), "memory.kernelTCP", none)
		refuse(m.Swappiness != nil, "memory.swappiness", none)
		refuse(m.DisableOOMKiller != nil && *m.DisableOOMKiller, "memory.disableOOMKiller", none)
	}
	if c := r.CPU; c != nil {
		refuse(c.Shares != nil && *c.Shares != 0, "cpu.shares", none)
		refuse(c.Burst != nil && *c.Burst != 0, "cpu.burst", none)
		refuse(c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0, "cpu.realtimeRuntime", none)
		refuse(c.RealtimePeriod != nil && *c.RealtimePeriod != 0, "cpu.realtimePeriod", none)
		refuse(c.Idle != nil && *c.Idle != 0, "cpu.idle", none)
		refuse(c.Cpus != "", "cpu.cpus", "is not supported by the jail backend")
		refuse(c.Mems != "", "cpu.mems", none)
	}
	refuse(blocks(r.BlockIO), "blockIO", none)
	refuse(len(r.HugepageLimits) > 0, "hugepageLimits", none)
	refuse(r.Network != nil && (r.Network.ClassID != nil || len(r.Network.Priorities) > 0), "network", none)
	refuse(len(r.Rdma) > 0, "rdma", none)
	refuse(len(r.Unified) > 0, "unified", "FreeBSD has no cgroups")
	return ps
}

// set returns true if there is a limit. In runc's usage 0 means no limit.
func set(n *int64) bool { return n != nil && *n != 0 }

func blocks(b *specs.LinuxBlockIO) bool {
	return b != nil && (b.Weight != nil || b.LeafWeight != nil || len(b.WeightDevice) > 0 ||
		len(b.ThrottleReadBpsDevice) > 0 || len(b.ThrottleWriteBpsDevice) > 0 ||
		len(b.ThrottleReadIOPSDevice) > 0 || len(b.ThrottleWriteIOPSDevice) > 0)
}

// changesOf returns the limits that an update names. An amount of 0 removes the limit.
func changesOf(r *specs.LinuxResources) ([]limit, spec.Problems) {
	changes, problems := limitsOf(r)
	gone := func(resource string, n *int64) {
		if n != nil && *n < 0 {
			changes = append(changes, limit{resource, 0})
		}
	}
	if r.Memory != nil {
		gone("memoryuse", r.Memory.Limit)
	}
	if r.Pids != nil {
		gone("maxproc", r.Pids.Limit)
	}
	if r.CPU != nil {
		gone("pcpu", r.CPU.Quota)
	}
	return changes, problems
}
