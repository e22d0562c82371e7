package cgroup

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

func ptr[T any](v T) *T { return &v }

// everything sets a value for each row of the table.
func everything() *specs.LinuxResources {
	throttled := func(rate uint64) []specs.LinuxThrottleDevice {
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = 8, 16
		return []specs.LinuxThrottleDevice{d}
	}
	weighted := specs.LinuxWeightDevice{Weight: ptr(uint16(200))}
	weighted.Major, weighted.Minor = 8, 0
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(3 << 20)), Reservation: ptr(int64(4096))},
		CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024)), Quota: ptr(int64(5000)), Period: ptr(uint64(10000)), Burst: ptr(uint64(100)), Idle: ptr(int64(0)),
			Cpus: "0-1", Mems: "0"},
		Pids: &specs.LinuxPids{Limit: ptr(int64(7))},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(100)), WeightDevice: []specs.LinuxWeightDevice{weighted},
			ThrottleReadBpsDevice: throttled(1), ThrottleWriteBpsDevice: throttled(2), ThrottleReadIOPSDevice: throttled(3), ThrottleWriteIOPSDevice: throttled(4)},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}},
		Rdma:           map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: ptr(uint32(3)), HcaObjects: ptr(uint32(4))}},
		Unified:        map[string]string{"memory.high": "8192", "misc.max": "x 1", "cgroup.max.depth": "3"},
	}
}

// with returns everything, changed by edit.
func with(edit func(r *specs.LinuxResources)) *specs.LinuxResources {
	r := everything()
	edit(r)
	return r
}

// ofV1 adds the limits that only cgroup v1 has.
func ofV1(r *specs.LinuxResources) {
	r.Memory.Swappiness, r.Memory.DisableOOMKiller = ptr(uint64(0)), ptr(true)
	r.CPU.RealtimeRuntime, r.CPU.RealtimePeriod = ptr(int64(1000)), ptr(uint64(10000))
	r.BlockIO.LeafWeight, r.BlockIO.WeightDevice[0].LeafWeight = ptr(uint16(100)), ptr(uint16(200))
	r.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(1)), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 1}}}
}

func translated(t *testing.T, r *specs.LinuxResources) *cgroups.Resources {
	t.Helper()
	res, err := Resources(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	res.SkipDevices = true
	return res
}

// TestFieldsAreWhatIsWritten checks that the table describes exactly what the library writes: every
// file has the value in the table, and no other file is written.
func TestFieldsAreWhatIsWritten(t *testing.T) {
	cgroups.TestMode = true
	t.Cleanup(func() { cgroups.TestMode = false })
	for name, r := range map[string]*specs.LinuxResources{
		"everything":   everything(),
		"and of v1":    with(ofV1),
		"nothing":      {},
		"zeros":        {Memory: &specs.LinuxMemory{Limit: ptr(int64(0)), Swap: ptr(int64(0))}, CPU: &specs.LinuxCPU{Shares: ptr(uint64(0)), Quota: ptr(int64(0))}, BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(0))}},
		"no limits":    {Memory: &specs.LinuxMemory{Limit: ptr(int64(-1)), Reservation: ptr(int64(-1))}, CPU: &specs.LinuxCPU{Quota: ptr(int64(-1))}, Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}},
		"no swap":      {Memory: &specs.LinuxMemory{Limit: ptr(int64(4096)), Swap: ptr(int64(4096))}},
		"all swap":     {Memory: &specs.LinuxMemory{Swap: ptr(int64(-1))}},
		"period alone": {CPU: &specs.LinuxCPU{Period: ptr(uint64(5000))}},
		"quota alone":  {CPU: &specs.LinuxCPU{Quota: ptr(int64(5000))}},
		"no processes": {Pids: &specs.LinuxPids{Limit: ptr(int64(0))}},
		"idle":         {CPU: &specs.LinuxCPU{Idle: ptr(int64(1))}},
	} {
		t.Run(name, func(t *testing.T) {
			res := translated(t, r)
			list := writes(res)
			for _, bfq := range []bool{true, false} {
				dir := t.TempDir()
				want := map[string]string{}
				if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if bfq {
					if err := os.WriteFile(filepath.Join(dir, "io.bfq.weight"), []byte("default 100\n8:0 1\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				for _, w := range list {
					i := 0
					if w.files[0] == "io.bfq.weight" && !bfq {
						if i = 1; len(w.files) == 1 {
							continue // ignored by the library, refused by Limit
						}
					}
					want[w.files[i]] += w.texts[i] + ";"
				}
				m, err := fs2.NewManager(&cgroups.Cgroup{Resources: res}, dir)
				if err == nil {
					err = m.Set(res)
				}
				if err != nil {
					t.Fatal(err)
				}
				written := map[string]bool{}
				entries, _ := os.ReadDir(dir)
				for _, e := range entries {
					// The library ignores a missing hugetlb.2MB.rsvd.max.
					if name := e.Name(); name != controllersFile && !strings.Contains(name, ".rsvd.") && (name != "io.bfq.weight" || want[name] != "") {
						written[name] = true
					}
				}
				if got, should := slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, should) {
					t.Errorf("BFQ %t: written %q, told %q", bfq, got, should)
				}
				for file, texts := range want {
					data, err := os.ReadFile(filepath.Join(dir, file))
					// Each write truncates the file, as it is a regular file in this test.
					all := strings.Split(strings.TrimSuffix(texts, ";"), ";")
					if last := all[len(all)-1]; err != nil || !strings.HasSuffix(strings.TrimSpace(string(data)), last) {
						t.Errorf("BFQ %t: %s has %q, told %q (%v)", bfq, file, data, texts, err)
					}
				}
			}
		})
	}
}

// TestFieldsAreAll checks that the table covers every field of cgroups.Resources.
func TestFieldsAreAll(t *testing.T) {
	// These are no limits, or another field covers them.
	other := []string{"Devices", "Freezer", "SkipDevices", "SkipFreezeOnSet", "MemoryCheckBeforeUpdate", "CpuShares"}
	all := func(r *cgroups.Resources) []write { return append(writes(r), rows(r, false)...) }
	for _, f := range reflect.VisibleFields(reflect.TypeFor[cgroups.Resources]()) {
		if slices.Contains(other, f.Name) {
			continue
		}
		res := translated(t, with(ofV1))
		reflect.ValueOf(res).Elem().FieldByIndex(f.Index).SetZero()
		if reflect.DeepEqual(all(res), all(translated(t, with(ofV1)))) {
			t.Errorf("%s is in no row of the table", f.Name)
		}
	}
}

// tree makes a cgroup tree of regular files. For each directory, dirs has its controllers and its
// files.
func tree(t *testing.T, dirs map[string][2]string) string {
	t.Helper()
	root := t.TempDir()
	for dir, c := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range strings.Fields(c[1]) {
			if err := os.WriteFile(filepath.Join(root, dir, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, dir, controllersFile), []byte(c[0]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// kernelWords matches texts that engines take for a missing program in the container.
var kernelWords = regexp.MustCompile(`(?i)no such file or directory|not found|permission denied`)

func fieldsOf(lacks Lacks) (list []string) {
	for _, l := range lacks {
		list = append(list, strings.TrimPrefix(l.Path, "linux.resources."))
	}
	return list
}

// missingIn returns what is missing in a cgroup of a tree.
func missingIn(t *testing.T, root, name string, r *cgroups.Resources) Lacks {
	t.Helper()
	dir, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	g, err := openAt(int(dir.Fd()), name, "/"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	host, err := controllers(root)
	if err != nil {
		t.Fatal(err)
	}
	return g.missing(host, r)
}

func TestLacks(t *testing.T) {
	t.Parallel()
	const (
		all   = "cpuset cpu io memory hugetlb pids rdma misc"
		files = "memory.max memory.swap.max memory.low memory.high cpu.weight cpu.max cpu.max.burst cpu.idle cpuset.cpus cpuset.mems pids.max io.weight io.bfq.weight io.max hugetlb.2MB.max rdma.max misc.max cgroup.max.depth"
	)
	without := func(list string, names ...string) string {
		return strings.Join(slices.DeleteFunc(strings.Fields(list), func(s string) bool { return slices.Contains(names, s) }), " ")
	}
	throttles := []string{"blockIO.throttleReadBpsDevice[0]", "blockIO.throttleWriteBpsDevice[0]", "blockIO.throttleReadIOPSDevice[0]", "blockIO.throttleWriteIOPSDevice[0]"}
	for _, tt := range []struct {
		name               string
		controllers, files string
		r                  *specs.LinuxResources
		want               []string
		says               string
	}{
		{"nothing lacks", all, files, everything(), nil, ""},
		{"nothing asked", "", "", &specs.LinuxResources{}, nil, ""},
		{"no io", without(all, "io"), files, everything(), append([]string{"blockIO.weight", "blockIO.weightDevice[0]"}, throttles...), "no io controller"},
		{"no memory", without(all, "memory"), files, everything(), []string{"memory.limit", "memory.swap", "memory.reservation", `unified["memory.high"]`}, "no memory controller"},
		{"no cpu", without(all, "cpu"), files, everything(), []string{"cpu.idle", "cpu.shares", "cpu.burst", "cpu.quota"}, "no cpu controller"},
		{"no cpuset", without(all, "cpuset"), files, everything(), []string{"cpu.cpus", "cpu.mems"}, "no cpuset controller"},
		{"no pids", without(all, "pids"), files, everything(), []string{"pids.limit"}, "no pids controller"},
		{"no hugetlb", without(all, "hugetlb"), files, everything(), []string{"hugepageLimits[0]"}, "no hugetlb controller"},
		{"no rdma", without(all, "rdma"), files, everything(), []string{`rdma["mlx5_1"]`}, "no rdma controller"},
		{"no misc", without(all, "misc"), files, everything(), []string{`unified["misc.max"]`}, "no misc controller"},
		{"period alone", without(all, "cpu"), files, with(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr(uint64(5000))} }), []string{"cpu.period"}, "no cpu controller"},
		{"no BFQ", all, without(files, "io.bfq.weight"), everything(), []string{"blockIO.weightDevice[0]"}, "has no io.bfq.weight"},
		{"no weights", all, without(files, "io.bfq.weight", "io.weight"), everything(), []string{"blockIO.weight", "blockIO.weightDevice[0]"}, "has no io.bfq.weight and no io.weight"},
		{"no throttling", all, without(files, "io.max"), everything(), throttles, "has no io.max"},
		{"no bandwidth", all, without(files, "cpu.max", "cpu.max.burst"), everything(), []string{"cpu.burst", "cpu.quota"}, "has no cpu.max"},
		{"no huge pages of this size", all, without(files, "hugetlb.2MB.max"), everything(), []string{"hugepageLimits[0]"}, "has no hugetlb.2MB.max"},
		{"no swap accounting", all, without(files, "memory.swap.max"), everything(), []string{"memory.swap"}, "has no memory.swap.max"},
		{"no swap accounting, and no swap", all, without(files, "memory.swap.max"),
			with(func(r *specs.LinuxResources) { r.Memory.Swap = r.Memory.Limit }), nil, ""},
		{"no swap accounting, and no limit", all, without(files, "memory.swap.max"),
			with(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(-1))} }), nil, ""},
		{"nobody's file", all, files, &specs.LinuxResources{Unified: map[string]string{"nosuch.key": "1", "memory.nosuch": "1"}},
			[]string{`unified["memory.nosuch"]`, `unified["nosuch.key"]`}, "has no memory.nosuch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := translated(t, tt.r)
			root := tree(t, map[string][2]string{".": {tt.controllers}, "one": {""}, "two": {tt.controllers, tt.files}})
			for how, got := range map[string]Lacks{"foreseen": preflight(root, res), "missing": missingIn(t, root, "two", res)} {
				if list := fieldsOf(got); !slices.Equal(list, tt.want) {
					t.Errorf("%s: %q, want %q", how, list, tt.want)
				}
				err := got.Err()
				if tt.want == nil {
					if err != nil {
						t.Errorf("%s: %v", how, err)
					}
					continue
				}
				var lacks Lacks
				if !errors.As(err, &lacks) || !strings.HasPrefix(err.Error(), "linux.resources."+tt.want[0]+": ") {
					t.Errorf("%s: error %v", how, err)
				}
				if text := strings.ReplaceAll(err.Error(), "of this kernel ", ""); !strings.Contains(text, tt.says) || kernelWords.MatchString(text) {
					t.Errorf("%s: %q, want %q", how, text, tt.says)
				}
			}
		})
	}
}

// TestLacksUnknown checks that a file is not reported as missing if no cgroup has the controller
// yet, because only the kernel knows the files then. A controller that the container's cgroup does
// not get is reported by missing.
func TestLacksUnknown(t *testing.T) {
	t.Parallel()
	res := translated(t, &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(100))}})
	root := tree(t, map[string][2]string{".": {"io"}, "a": {""}, "a/b": {"io", ""}, "gone": {}})
	if err := os.Remove(filepath.Join(root, "gone", controllersFile)); err != nil {
		t.Fatal(err)
	}
	if got := preflight(root, res); len(got) > 0 {
		t.Errorf("foreseen: %v", got)
	}
	if got := missingIn(t, root, "a", res); len(got) != 1 || !strings.Contains(got[0].Err.Error(), "cgroup /a has no io controller") {
		t.Errorf("missing: %v", got)
	}
	if got := missingIn(t, root, "a/b", res); len(got) != 1 || !strings.Contains(got[0].Err.Error(), "no io.bfq.weight and no io.weight") {
		t.Errorf("missing: %v", got)
	}
	if got := missingIn(t, root, "gone", res); got != nil {
		t.Errorf("of a cgroup that has gone: %v", got)
	}
}

// TestIgnored checks that limits of cgroup v1 are reported, but are no errors.
func TestIgnored(t *testing.T) {
	t.Parallel()
	res := translated(t, with(ofV1))
	var got []string
	for _, err := range Ignored(res) {
		var field *spec.FieldError
		if !errors.As(err, &field) || !errors.Is(err, errOnlyV1) {
			t.Fatalf("%q says something else", err)
		}
		got = append(got, strings.TrimPrefix(field.Path, "linux.resources."))
	}
	want := []string{"memory.swappiness", "memory.disableOOMKiller", "cpu.realtimeRuntime", "cpu.realtimePeriod",
		"blockIO.leafWeight", "blockIO.weightDevice[0].leafWeight", "network.classID", "network.priorities[0]"}
	if !slices.Equal(got, want) {
		t.Errorf("ignored %q, want %q", got, want)
	}
	for name, r := range map[string]*specs.LinuxResources{"everything": everything(), "zeros": {
		CPU: &specs.LinuxCPU{RealtimeRuntime: ptr(int64(0)), RealtimePeriod: ptr(uint64(0))}, Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(false)},
		BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr(uint16(0))}, Network: &specs.LinuxNetwork{},
	}} {
		if got := Ignored(translated(t, r)); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}
