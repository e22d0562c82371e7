//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// kernelWords are words by which engines recognise that the container's program is missing.
var kernelWords = regexp.MustCompile(`(?i)no such file or directory|not found|permission denied`)

// TestLackingControllers checks that create refuses a limit whose controller the host lacks, by its
// JSON path and before it makes anything, and that validate and explain report it.
func TestLackingControllers(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	data, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Fields(string(data))
	for _, c := range []struct {
		controller, field, file string
		edit                    func(r *specs.LinuxResources)
	}{
		{"memory", "memory.limit", "memory.max", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))} }},
		{"cpu", "cpu.shares", "cpu.weight", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512))} }},
		{"cpuset", "cpu.cpus", "cpuset.cpus", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0"} }},
		{"pids", "pids.limit", "pids.max", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(100))} }},
		{"io", "blockIO.weight", "io.weight", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: ptr(uint16(100))} }},
		{"io", "blockIO.weightDevice[0]", "io.bfq.weight", func(r *specs.LinuxResources) {
			r.BlockIO = &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 7}, Weight: ptr(uint16(100))}}}
		}},
		{"hugetlb", "hugepageLimits[0]", "hugetlb.2MB.max", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 2 << 20}}
		}},
		{"rdma", `rdma["mlx5_1"]`, "rdma.max", func(r *specs.LinuxResources) {
			r.Rdma = map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: ptr(uint32(3))}}
		}},
		// No host has this one.
		{"nosuch", `unified["nosuch.key"]`, "nosuch.key", func(r *specs.LinuxResources) { r.Unified = map[string]string{"nosuch.key": "1"} }},
	} {
		if slices.Contains(have, c.controller) {
			continue
		}
		t.Run(c.field, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", func(s *specs.Spec) { c.edit(s.Linux.Resources) })
			words := "linux.resources." + c.field + ": the host's cgroups have no " + c.controller + " controller"
			if o := b.berth("validate", b.bundle); o.Status != 1 || !strings.Contains(o.Stdout, "error: "+words) {
				t.Errorf("validate: %+v", o)
			}
			if text := b.must("explain", "--id", b.id, b.bundle); !strings.Contains(text, c.file+" = ") || !strings.Contains(text, "create refuses it: the host's cgroups have no "+c.controller) {
				t.Errorf("explain:\n%s", text)
			}
			log := filepath.Join(filepath.Dir(b.root), "log")
			o := b.berth(append([]string{"--debug", "--log", log, "--log-format", "json"}, b.createArgs()...)...)
			if o.Status != 1 || !strings.Contains(strings.ReplaceAll(o.Stderr, `\"`, `"`), words) || kernelWords.MatchString(o.Stderr) {
				t.Errorf("create: %+v", o)
			}
			if data, err := os.ReadFile(log); err != nil || strings.Contains(string(data), `"called"`) {
				t.Errorf("create has called something: %v\n%s", err, data)
			}
		})
	}
}

// TestUpdateLackingController checks that update refuses such a limit with the same words.
func TestUpdateLackingController(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.create()
	b.start()
	cmd := b.command("update", "--resources", "-", b.id)
	cmd.Stdin = strings.NewReader(`{"unified":{"nosuch.key":"1"}}`)
	o := suite.Execute(t, cmd)
	if o.Status != 1 || !strings.Contains(strings.ReplaceAll(o.Stderr, `\"`, `"`), `linux.resources.unified["nosuch.key"]: the host's cgroups have no nosuch controller`) || kernelWords.MatchString(o.Stderr) {
		t.Errorf("update: %+v", o)
	}
	b.kill()
}
