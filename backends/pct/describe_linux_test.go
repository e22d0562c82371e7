package pct

import (
	"math"
	"slices"
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

// TestAppearance checks the name and the tags of a CT, and the lines of its notes.
func TestAppearance(t *testing.T) {
	t.Parallel()
	cri := func(more map[string]string) map[string]string {
		all := map[string]string{"io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-name": "db-0"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	for name, c := range map[string]struct {
		id, hostname   string
		annotations    map[string]string
		tags           []string // the administrator's
		wantName, from string
		wantTags       string
		notes          []string // after the first line
	}{
		"its hostname":   {"0123abc", "web.example", nil, nil, "web-example", "hostname", "oci", nil},
		"its id":         {"My_App", "", nil, nil, "my-app", "", "oci", nil},
		"a bad hostname": {"app", "...", nil, nil, "app", "", "oci", nil},
		"nothing fits":   {"_", "", nil, nil, "oci", "", "oci", nil},
		"podman":         {"app", "", map[string]string{"io.container.manager": "libpod"}, []string{"mine"}, "app", "", "oci;mine;podman", nil},
		"CRI-O":          {"app", "", map[string]string{"io.container.manager": "cri-o"}, nil, "app", "", "oci;cri-o", nil},
		"a pod's sandbox": {"0123", "db-0", cri(nil), nil, "db-0", "annotations", "oci;containerd;shop.db-0",
			[]string{`Kubernetes: sandbox of pod "db-0" in namespace "shop".`}},
		"a pod's container": {"0123", "db-0", cri(map[string]string{"io.kubernetes.cri.container-name": "pg", "io.kubernetes.cri.sandbox-uid": "u-1", "io.kubernetes.cri.image-name": "pg:16"}), nil,
			"db-0-pg", "annotations", "oci;containerd;shop.db-0", []string{`Kubernetes: container "pg" of pod "db-0" in namespace "shop", uid "u-1", image "pg:16".`}},
		"hostile names": {"app", "", cri(map[string]string{"io.kubernetes.cri.sandbox-name": "a;b\n" + markerKey + "/run/berth/x"}), nil,
			"a-b-berth-container---run-berth-x", "annotations", "oci;containerd", []string{`Kubernetes: sandbox of pod "a;b\nberth-container: /run/berth/x" in namespace "shop".`}},
	} {
		j, _ := newJob(t)
		j.ID, j.Root, j.Spec.Hostname, j.Annotations = c.id, "/run/berth", c.hostname, c.annotations
		o := describe(j, &Settings{Tags: c.tags, Pool: "p", Storage: "s"})
		if o.Hostname != c.wantName || o.HostnameFrom != c.from {
			t.Errorf("%s: %q from %q, want %q from %q", name, o.Hostname, o.HostnameFrom, c.wantName, c.from)
		}
		if got := strings.Join(o.Tags, ";"); got != c.wantTags || o.Pool != "p" || o.Storage != "s" {
			t.Errorf("%s: tags %s, pool %s, storage %s; want %s", name, got, o.Pool, o.Storage, c.wantTags)
		}
		want := append([]string{"OCI container " + c.id + " of berth."}, c.notes...)
		want = append(want, `Bundle: "/b"`, "Started and stopped by its container engine; it cannot be started here.", "berth-container: /run/berth/"+c.id)
		if got := strings.Split(o.Description, "\n"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestUnlimited checks that a CT shows the host's memory if the container has no limit.
func TestUnlimited(t *testing.T) {
	t.Parallel()
	none, zero := int64(-1), int64(0)
	ram, swap := memory(nil)
	if ram < minMemory {
		t.Errorf("%d MiB", ram)
	}
	for name, r := range map[string]*specs.LinuxResources{
		"no memory":    {},
		"no limit":     {Memory: &specs.LinuxMemory{}},
		"unlimited":    {Memory: &specs.LinuxMemory{Limit: &none, Swap: &none}},
		"a limit of 0": {Memory: &specs.LinuxMemory{Limit: &zero}},
	} {
		if gotRAM, gotSwap := memory(r); gotRAM != ram || gotSwap != swap {
			t.Errorf("%s: %d and %d MiB, want %d and %d", name, gotRAM, gotSwap, ram, swap)
		}
		if got := cpuLimit(r); got != 0 {
			t.Errorf("%s: cpulimit %v", name, got)
		}
		if got := cpuUnits(r); got != 0 {
			t.Errorf("%s: cpuunits %v", name, got)
		}
	}
}
