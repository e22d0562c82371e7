package cgroup

import (
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Resources translates linux.resources for the cgroup library that runc uses, so limits mean the
// same as in runc. nodes are the entries of linux.devices: if a default device is among them, it
// gets only the access that the rules allow, as in runc. Errors name the JSON path.
func Resources(r *specs.LinuxResources, nodes []specs.LinuxDevice) (*cgroups.Resources, error) {
	out := &cgroups.Resources{}
	if r == nil {
		r = &specs.LinuxResources{}
	}
	for i := range r.Devices {
		rules, err := deviceRules(&r.Devices[i], fmt.Sprintf("linux.resources.devices[%d]", i))
		if err != nil {
			return nil, err
		}
		out.Devices = append(out.Devices, rules...)
	}
	out.Devices = append(out.Devices, defaultRules(nodes)...)
	memory(out, r.Memory)
	cpu(out, r.CPU)
	if r.Pids != nil {
		out.PidsLimit = r.Pids.Limit
	}
	blockIO(out, r.BlockIO)
	for _, l := range r.HugepageLimits {
		out.HugetlbLimit = append(out.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: l.Pagesize, Limit: l.Limit})
	}
	if len(r.Rdma) > 0 {
		out.Rdma = make(map[string]cgroups.LinuxRdma, len(r.Rdma))
		for name, l := range r.Rdma {
			out.Rdma[name] = cgroups.LinuxRdma{HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects}
		}
	}
	network(out, r.Network)
	out.Unified = maps.Clone(r.Unified)
	return out, nil
}

func memory(out *cgroups.Resources, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	set(&out.Memory, m.Limit)
	set(&out.MemoryReservation, m.Reservation)
	set(&out.MemorySwap, m.Swap)
	out.MemorySwappiness = m.Swappiness
	set(&out.OomKillDisable, m.DisableOOMKiller)
	set(&out.MemoryCheckBeforeUpdate, m.CheckBeforeUpdate)
}

func cpu(out *cgroups.Resources, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if c.Shares != nil {
		out.CpuShares = *c.Shares
		out.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(*c.Shares)
	}
	set(&out.CpuQuota, c.Quota)
	set(&out.CpuPeriod, c.Period)
	set(&out.CpuRtRuntime, c.RealtimeRuntime)
	set(&out.CpuRtPeriod, c.RealtimePeriod)
	out.CpuBurst, out.CPUIdle = c.Burst, c.Idle
	out.CpusetCpus, out.CpusetMems = c.Cpus, c.Mems
}

func blockIO(out *cgroups.Resources, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	set(&out.BlkioWeight, b.Weight)
	set(&out.BlkioLeafWeight, b.LeafWeight)
	for _, d := range b.WeightDevice {
		var weight, leaf uint16
		set(&weight, d.Weight)
		set(&leaf, d.LeafWeight)
		out.BlkioWeightDevice = append(out.BlkioWeightDevice, cgroups.NewWeightDevice(d.Major, d.Minor, weight, leaf))
	}
	for _, t := range []struct {
		from []specs.LinuxThrottleDevice
		to   *[]*cgroups.ThrottleDevice
	}{
		{b.ThrottleReadBpsDevice, &out.BlkioThrottleReadBpsDevice},
		{b.ThrottleWriteBpsDevice, &out.BlkioThrottleWriteBpsDevice},
		{b.ThrottleReadIOPSDevice, &out.BlkioThrottleReadIOPSDevice},
		{b.ThrottleWriteIOPSDevice, &out.BlkioThrottleWriteIOPSDevice},
	} {
		for _, d := range t.from {
			*t.to = append(*t.to, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
		}
	}
}

// network translates limits that cgroup v2 does not have. [Ignored] reports them.
func network(out *cgroups.Resources, n *specs.LinuxNetwork) {
	if n == nil {
		return
	}
	set(&out.NetClsClassid, n.ClassID)
	for _, p := range n.Priorities {
		out.NetPrioIfpriomap = append(out.NetPrioIfpriomap, &cgroups.IfPrioMap{Interface: p.Name, Priority: int64(p.Priority)})
	}
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// deviceRules returns the kernel's rules for one device rule of config.json, whose JSON path is at.
func deviceRules(d *specs.LinuxDeviceCgroup, at string) ([]*devices.Rule, error) {
	// Put the letters into the order that the library wants, and drop letters that mean nothing.
	access := devices.Permissions("").Union(devices.Permissions(d.Access))
	if access.IsEmpty() {
		return nil, spec.Fieldf(at+".access", "must consist of r, w and m, not %q", d.Access)
	}
	rule := devices.Rule{Major: devices.Wildcard, Minor: devices.Wildcard, Permissions: access, Allow: d.Allow}
	set(&rule.Major, d.Major)
	set(&rule.Minor, d.Minor)
	switch d.Type {
	case "", "a":
		// In cgroup v1, and in the library, a rule for all types applies to every device, whatever
		// else it says. Such a rule must not allow more than it names.
		if d.Allow && (rule.Major != devices.Wildcard || rule.Minor != devices.Wildcard || access != "rwm") {
			block, char := rule, rule
			block.Type, char.Type = devices.BlockDevice, devices.CharDevice
			return []*devices.Rule{&block, &char}, nil
		}
		rule.Type = devices.WildcardDevice
	case "b":
		rule.Type = devices.BlockDevice
	case "c":
		rule.Type = devices.CharDevice
	default:
		return nil, spec.Fieldf(at+".type", "must be one of a, b, c, not %q", d.Type)
	}
	return []*devices.Rule{&rule}, nil
}

// defaultRules allows mknod of any device, and access to the devices that every container has
// (config-linux.md#default-devices) and to its terminals.
func defaultRules(nodes []specs.LinuxDevice) []*devices.Rule {
	rules := []*devices.Rule{
		allow('c', devices.Wildcard, devices.Wildcard, "m"),
		allow('b', devices.Wildcard, devices.Wildcard, "m"),
	}
	for _, d := range []struct {
		path         string
		major, minor int64
	}{
		{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
	} {
		if !slices.ContainsFunc(nodes, func(n specs.LinuxDevice) bool { return n.Path == d.path }) {
			rules = append(rules, allow('c', d.major, d.minor, "rwm"))
		}
	}
	return append(rules,
		allow('c', 5, 2, "rwm"), // ptmx
		allow('c', 136, devices.Wildcard, "rwm"),
		allow('c', 10, 200, "rwm"), // net/tun: runc and crun always allow it, and VPNs need it
	)
}

func allow(kind devices.Type, major, minor int64, permissions devices.Permissions) *devices.Rule {
	return &devices.Rule{Type: kind, Major: major, Minor: minor, Permissions: permissions, Allow: true}
}
