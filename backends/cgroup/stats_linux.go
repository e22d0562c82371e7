package cgroup

import (
	"fmt"

	"github.com/opencontainers/cgroups"

	"github.com/berth-oci/berth/backends"
)

// Stats returns statistics of the cgroup, including the cgroups below it.
func (g *Group) Stats() (*backends.Stats, error) {
	m, err := g.manager(&cgroups.Resources{})
	if err != nil {
		return nil, err
	}
	from, err := m.GetStats()
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", g.path, g.named(err))
	}
	s := &backends.Stats{Hugetlb: map[string]backends.HugetlbStats{}}
	s.Pids = backends.PidsStats(from.PidsStats)
	s.CPU.Usage.Total = from.CpuStats.CpuUsage.TotalUsage
	s.CPU.Usage.Kernel = from.CpuStats.CpuUsage.UsageInKernelmode
	s.CPU.Usage.User = from.CpuStats.CpuUsage.UsageInUsermode
	s.CPU.Throttling.Periods = from.CpuStats.ThrottlingData.Periods
	s.CPU.Throttling.ThrottledPeriods = from.CpuStats.ThrottlingData.ThrottledPeriods
	s.CPU.Throttling.ThrottledTime = from.CpuStats.ThrottlingData.ThrottledTime
	s.CPU.PSI = pressure(from.CpuStats.PSI)
	s.Memory.Cache = from.MemoryStats.Cache
	s.Memory.Usage = memoryEntry(from.MemoryStats.Usage)
	s.Memory.Swap = memoryEntry(from.MemoryStats.SwapUsage)
	s.Memory.Kernel = memoryEntry(from.MemoryStats.KernelUsage)
	s.Memory.KernelTCP = memoryEntry(from.MemoryStats.KernelTCPUsage)
	s.Memory.Raw = from.MemoryStats.Stats
	s.Memory.PSI = pressure(from.MemoryStats.PSI)
	s.BlockIO.Bytes = blockIOEntries(from.BlkioStats.IoServiceBytesRecursive)
	s.BlockIO.Operations = blockIOEntries(from.BlkioStats.IoServicedRecursive)
	s.BlockIO.PSI = pressure(from.BlkioStats.PSI)
	for size, h := range from.HugetlbStats {
		s.Hugetlb[size] = backends.HugetlbStats{Usage: h.Usage, Max: h.MaxUsage, Failcnt: h.Failcnt}
	}
	return s, nil
}

func memoryEntry(d cgroups.MemoryData) backends.MemoryEntry {
	return backends.MemoryEntry{Limit: d.Limit, Usage: d.Usage, Max: d.MaxUsage, Failcnt: d.Failcnt}
}

func blockIOEntries(list []cgroups.BlkioStatEntry) []backends.BlockIOEntry {
	var out []backends.BlockIOEntry
	for _, e := range list {
		out = append(out, backends.BlockIOEntry(e))
	}
	return out
}

func pressure(p *cgroups.PSIStats) *backends.Pressure {
	if p == nil {
		return nil
	}
	return &backends.Pressure{Some: backends.PressureData(p.Some), Full: backends.PressureData(p.Full)}
}
