package pct

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	limits := func(limit, swap, quota int64) *specs.LinuxResources {
		return &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}, CPU: &specs.LinuxCPU{Quota: &quota},
		}
	}
	weighted := func(shares uint64) *specs.LinuxResources {
		return &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}}
	}
	const mib = 1 << 20
	for _, tt := range []struct {
		name        string
		now, before *specs.LinuxResources
		want        []string
	}{
		{"nothing", limits(64*mib, 128*mib, 50000), limits(64*mib, 128*mib, 50000), []string{"set", "100"}},
		{"below a MiB", limits(64*mib-1, 128*mib-1, 0), limits(64*mib, 128*mib, 0), []string{"set", "100"}},
		{"memory", limits(65*mib, 129*mib, 0), limits(64*mib, 128*mib, 0), []string{"set", "100", "--memory", "65"}},
		{"swap", limits(64*mib, 200*mib, 0), limits(64*mib, 128*mib, 0), []string{"set", "100", "--swap", "136"}},
		{"no CPU limit any more", limits(64*mib, 128*mib, -1), limits(64*mib, 128*mib, 150000), []string{"set", "100", "--cpulimit", "0"}},
		{"weight", weighted(1024), weighted(512), []string{"set", "100", "--cpuunits", "100"}},
		{"no weight any more", weighted(0), weighted(512), []string{"set", "100"}},
		{"all", limits(1, 1, 150000), limits(64*mib, 128*mib, 0), []string{"set", "100", "--memory", "16", "--swap", "0", "--cpulimit", "1.5"}},
	} {
		if got := changes(100, tt.now, tt.before); !slices.Equal(got.args(), tt.want) || got.empty() != (len(tt.want) == 2) {
			t.Errorf("%s: %q (empty: %t), want %q", tt.name, got.args(), got.empty(), tt.want)
		}
	}
}
