package cgroup

import (
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Explain says what of linux.resources is written into which file of a cgroup,
// as the library that applies it translates; nodes are as in [Resources].
func Explain(r *specs.LinuxResources, nodes []specs.LinuxDevice) ([]backends.Line, error) {
	res, err := Resources(r, nodes)
	if err != nil || r == nil {
		return nil, err
	}
	x := explainer{}
	x.memory(r.Memory, res)
	x.cpu(r.CPU, res)
	if r.Pids != nil && r.Pids.Limit != nil {
		x.add("pids.limit", "pids.max = %s", orMax(*r.Pids.Limit))
	}
	x.blockIO(r.BlockIO, res)
	for i, l := range r.HugepageLimits {
		x.add(fmt.Sprintf("hugepageLimits[%d]", i), "hugetlb.%s.max = %d", l.Pagesize, l.Limit)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Rdma)) {
		text := name
		if l := r.Rdma[name]; l.HcaHandles != nil {
			text += fmt.Sprintf(" hca_handle=%d", *l.HcaHandles)
		}
		if l := r.Rdma[name]; l.HcaObjects != nil {
			text += fmt.Sprintf(" hca_object=%d", *l.HcaObjects)
		}
		x.add(fmt.Sprintf("rdma[%q]", name), "rdma.max = %s", text)
	}
	for i := range r.Devices {
		rules, _ := deviceRules(&r.Devices[i]) // Resources has refused a wrong one
		for _, rule := range rules {
			x.add(fmt.Sprintf("devices[%d]", i), "%s", ruleText(rule))
		}
	}
	for _, rule := range defaultRules(nodes) {
		x = append(x, backends.Line{Text: ruleText(rule)})
	}
	// Last, as they win over what the other fields have written.
	for _, name := range slices.Sorted(maps.Keys(r.Unified)) {
		x.add(fmt.Sprintf("unified[%q]", name), "%s = %s", name, r.Unified[name])
	}
	return x, nil
}

type explainer []backends.Line

func (x *explainer) add(field, format string, args ...any) {
	*x = append(*x, backends.Line{Text: fmt.Sprintf(format, args...), From: "linux.resources." + field})
}

func (x *explainer) memory(m *specs.LinuxMemory, res *cgroups.Resources) {
	if m == nil {
		return
	}
	if m.Limit != nil && *m.Limit != 0 {
		x.add("memory.limit", "memory.max = %s", orMax(*m.Limit))
	}
	if m.Swap != nil {
		if v, err := cgroups.ConvertMemorySwapToCgroupV2Value(res.MemorySwap, res.Memory); err == nil && v != 0 {
			x.add("memory.swap", "memory.swap.max = %s", orMax(v))
		}
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		x.add("memory.reservation", "memory.low = %s", orMax(*m.Reservation))
	}
}

func (x *explainer) cpu(c *specs.LinuxCPU, res *cgroups.Resources) {
	if c == nil {
		return
	}
	if res.CpuWeight != 0 {
		x.add("cpu.shares", "cpu.weight = %d", res.CpuWeight)
	}
	if res.CpuQuota != 0 || res.CpuPeriod != 0 {
		quota, period := orMax(res.CpuQuota), res.CpuPeriod
		if res.CpuQuota == 0 {
			quota = "max"
		}
		if period == 0 {
			period = 100000
		}
		x.add("cpu.quota", "cpu.max = %s %d", quota, period)
	}
	if c.Burst != nil {
		x.add("cpu.burst", "cpu.max.burst = %d", *c.Burst)
	}
	if c.Idle != nil {
		x.add("cpu.idle", "cpu.idle = %d", *c.Idle)
	}
	if c.Cpus != "" {
		x.add("cpu.cpus", "cpuset.cpus = %s", c.Cpus)
	}
	if c.Mems != "" {
		x.add("cpu.mems", "cpuset.mems = %s", c.Mems)
	}
}

func (x *explainer) blockIO(b *specs.LinuxBlockIO, res *cgroups.Resources) {
	if b == nil {
		return
	}
	if res.BlkioWeight != 0 {
		x.add("blockIO.weight", "io.bfq.weight = %d, or io.weight = %d", res.BlkioWeight, cgroups.ConvertBlkIOToIOWeightValue(res.BlkioWeight))
	}
	for _, t := range []struct {
		field, key string
		list       []*cgroups.ThrottleDevice
	}{
		{"throttleReadBpsDevice", "rbps", res.BlkioThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", "wbps", res.BlkioThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", "riops", res.BlkioThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", "wiops", res.BlkioThrottleWriteIOPSDevice},
	} {
		for i, d := range t.list {
			x.add(fmt.Sprintf("blockIO.%s[%d]", t.field, i), "io.max = %s", d.StringName(t.key))
		}
	}
}

// orMax is how cgroup v2 writes that there is no limit.
func orMax(v int64) string {
	if v < 0 {
		return "max"
	}
	return fmt.Sprint(v)
}

func ruleText(r *devices.Rule) string {
	if r.Allow {
		return "devices: allow " + r.CgroupString()
	}
	return "devices: deny " + r.CgroupString()
}
