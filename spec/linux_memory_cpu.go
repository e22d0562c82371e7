package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// memory checks config-linux.md#memory. -1 means unlimited, 0 means unset.
func (c *checker) memory(m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	const path = "linux.resources.memory"
	//lint:ignore SA1019 deprecated, but engines send it
	kernel := m.Kernel
	for _, v := range []struct {
		name  string
		value *int64
	}{
		{"limit", m.Limit}, {"reservation", m.Reservation}, {"swap", m.Swap}, {"kernel", kernel}, {"kernelTCP", m.KernelTCP},
	} {
		switch {
		case v.value == nil:
		case *v.value < -1:
			c.errorf(path+"."+v.name, "must be a number of bytes, or -1 for unlimited, not %d", *v.value)
		case v.name == "kernel" || v.name == "kernelTCP":
			warn := c.warnf
			if *v.value > 0 {
				warn = c.ignoref
			}
			warn(path+"."+v.name, "is not recommended: cgroup v2, and Linux since 5.4, ignore it")
		}
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		c.errorf(path+".swappiness", "must be from 0 to 100, not %d", *m.Swappiness)
	}
	limit, swap := value(m.Limit), value(m.Swap)
	switch {
	case swap <= 0:
	case limit <= 0 && c.update:
	case limit <= 0:
		c.errorf(path+".swap", "unable to set swap limit without memory limit: swap limits the sum of memory and swap")
	case swap < limit:
		c.errorf(path+".swap", "memory+swap limit should be >= memory limit: %d < %d", swap, limit)
	}
	if r := value(m.Reservation); r > 0 && limit > 0 && r > limit {
		c.warnf(path+".reservation", "is greater than limit: %d > %d", r, limit)
	}
}

// cpu checks config-linux.md#cpu with the kernel's ranges (sched-bwc): 1 ms to 1 s for the period,
// at least 1 ms for the quota.
func (c *checker) cpu(p *specs.LinuxCPU) {
	if p == nil {
		return
	}
	const path = "linux.resources.cpu"
	if n := value(p.Period); n != 0 && (n < 1000 || n > 1000000) {
		c.errorf(path+".period", "must be from 1000 to 1000000 microseconds, or 0 for the default, not %d", n)
	}
	quota := value(p.Quota)
	if quota > 0 && quota < 1000 {
		c.errorf(path+".quota", "must be at least 1000 microseconds, or -1 for no limit, not %d", quota)
	}
	if b := value(p.Burst); quota > 0 && b > uint64(quota) {
		c.errorf(path+".burst", "must not be greater than quota: %d > %d", b, quota)
	}
	if n := value(p.Shares); n != 0 && (n < 2 || n > 262144) {
		c.warnf(path+".shares", "should be from 2 to 262144, not %d", n)
	}
	if i := p.Idle; i != nil && *i != 0 && *i != 1 {
		c.errorf(path+".idle", "must be 0 or 1, not %d", *i)
	}
	if rt, period := value(p.RealtimeRuntime), value(p.RealtimePeriod); rt > 0 && period > 0 && uint64(rt) > period {
		c.errorf(path+".realtimeRuntime", "must not be greater than realtimePeriod: %d > %d", rt, period)
	}
	c.cpuList(path+".cpus", p.Cpus)
	c.cpuList(path+".mems", p.Mems)
}

// value returns what p points to, or 0.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
