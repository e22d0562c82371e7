package pct

import (
	"math"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// TestShownLimits checks that Proxmox VE accepts the shown numbers, whatever the limits are.
func TestShownLimits(t *testing.T) {
	t.Parallel()
	n := func(v int64) *int64 { return &v }
	memoryOf := func(limit, swap *int64) *specs.LinuxResources {
		return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: limit, Swap: swap}}
	}
	for _, c := range []struct {
		limit, swap       int64
		wantRAM, wantSwap int64
	}{
		{1, 1, 16, 0},
		{64 << 20, 64 << 20, 64, 0},
		{64<<20 + 1, 96 << 20, 65, 32},
		{math.MaxInt64, math.MaxInt64, 1 << 43, 0},
		{1, math.MaxInt64, 16, 1 << 43},
	} {
		if ram, swap := memory(memoryOf(n(c.limit), n(c.swap))); ram != c.wantRAM || swap != c.wantSwap {
			t.Errorf("%d and %d bytes: %d and %d MiB, not %d and %d", c.limit, c.swap, ram, swap, c.wantRAM, c.wantSwap)
		}
	}
	one := uint64(1)
	if got := cpuLimit(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: n(math.MaxInt64), Period: &one}}); got != 8192 {
		t.Errorf("cpulimit %v", got)
	}
	for value, want := range map[string]uint64{"1": 1, "10000": 10000, "10001": 0, "x": 0} {
		if got := cpuUnits(&specs.LinuxResources{Unified: map[string]string{"cpu.weight": value}}); got != want {
			t.Errorf("cpu.weight %s: cpuunits %d, not %d", value, got, want)
		}
	}
}

// TestDescriptionFits checks that the longest names of engines and bundles fit into the
// description, and that it ends with the marker.
func TestDescriptionFits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01\xff", 5000)
	j := &enclosure.Job{
		Container: &backends.Container{
			Root: "/" + strings.Repeat("r", 4094), ID: strings.Repeat("i", 1024), Bundle: "/" + long,
			Annotations: map[string]string{
				"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": long,
				"io.kubernetes.cri.sandbox-name": long, "io.kubernetes.cri.sandbox-namespace": long,
				"io.kubernetes.cri.sandbox-uid": long, "io.kubernetes.cri.image-name": long,
			},
		},
		Spec: &specs.Spec{},
	}
	text := describe(j, &Settings{}).Description
	if n := len(text); n > 8192 {
		t.Errorf("%d bytes", n)
	}
	if !strings.HasSuffix(text, "\n"+marker(j.Container)) || strings.Count(text, "\n") != 4 {
		t.Errorf("%.3000q", text)
	}
	if got := quoted("a\nb", 256); got != `"a\nb"` {
		t.Errorf("%s", got)
	}
}
