package cgroup

import (
	"path"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestFindPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "/berth/name", "/a/b": "/a/b", "a/b": "/berth/a/b", "/a/../b": "/b", "../../x": "/berth/x", "/a//b/": "/a/b", "/x;y $z": "/x;y $z",
	} {
		p, err := Find(in, Default{Name: "name"}, false)
		if err != nil || p.Path != want || p.Limits != want || p.Scoped() {
			t.Errorf("%q: %+v, %v, want %s", in, p, err, want)
		}
	}
	for _, in := range []string{"/", "/..", "/a\nb", "a\x00b", ".", "a/..", "/berth", "@1f", "/berth/@1f/."} {
		if p, err := Find(in, Default{Name: "name"}, false); err == nil || !strings.Contains(err.Error(), "linux.cgroupsPath") {
			t.Errorf("%q: %+v, %v, want an error that names the field", in, p, err)
		}
	}
}

// TestFindUnit checks unit names that systemd would refuse with its own error after a process was
// made.
func TestFindUnit(t *testing.T) {
	t.Parallel()
	for in, words := range map[string]string{
		"system.slice:bug:we ird":                      `contains ' '`,
		"system.slice:bug:x\u00fc":                     `contains 'ü'`,
		"system.slice:bug:a/b":                         `contains '/'`,
		"system.slice:bug:" + strings.Repeat("x", 300): "255 are allowed",
		`system.slice:cri-containerd:a_b.c@\x2dd`:      "",
		"system.slice:bug:" + strings.Repeat("x", 240): "",
	} {
		p, err := Find(in, Default{Name: "name"}, true)
		if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words) || !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ")) {
			t.Errorf("%.40q: %+v, %v", in, p, err)
		}
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said    string
		of      Default
		byScope bool
		want    string
		parents []string
	}{
		{"", Default{Name: "web"}, false, "/berth/web", []string{"/berth"}},
		{"", Default{Name: "web", Space: "1f"}, false, "/berth/@1f/web", []string{"/berth/@1f", "/berth"}},
		{"", Default{Name: "web"}, true, "/system.slice/berth-web.scope", nil},
		{"", Default{Name: "web", Space: "1f"}, true, "/system.slice/berth:1f-web.scope", nil},
		{"user-7.slice:lib-pod:a-b", Default{Name: "web"}, true, "/user.slice/user-7.slice/lib-pod-a-b.scope", nil},
		{"-.slice:x:y", Default{Name: "web"}, true, "/x-y.scope", nil},
		{"machine.slice:x:y.slice", Default{Name: "web"}, true, "/machine.slice/y.slice", nil},
	} {
		p, err := Find(c.said, c.of, c.byScope)
		if err != nil || p.Limits != c.want || !slices.Equal(parents(p.Limits), c.parents) {
			t.Errorf("%+v: %+v, %v, want %s below %v", c.of, p, err, c.want, c.parents)
			continue
		}
		again, err := At(p.Limits, c.byScope)
		if err != nil || again.Path != p.Path || again.Limits != p.Limits {
			t.Errorf("%+v: recorded %+v, found again %+v, %v", c.of, p, again, err)
		}
		unit := func(p *Place) string {
			if strings.HasSuffix(p.unit.Name, ".slice") {
				return p.unit.Name
			}
			return p.unit.ScopePrefix + "-" + p.unit.Name
		}
		if c.byScope && unit(again) != unit(p) {
			t.Errorf("%+v: the unit found again is %s, not %s", c.of, unit(again), unit(p))
		}
		if slice := strings.Replace(path.Base(path.Dir(p.Limits)), "/", "-.slice", 1); c.byScope && again.unit.Parent != slice {
			t.Errorf("%+v: the unit found again is in %s, not in %s", c.of, again.unit.Parent, slice)
		}
		if limits, is := InScope(p.Path); is != (c.byScope && path.Ext(c.want) == ".scope") || is && limits != p.Limits {
			t.Errorf("InScope(%s) is %s, %v", p.Path, limits, is)
		}
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	limit, swap, shares, quota, period, pids := int64(1<<25), int64(1<<26), uint64(512), int64(50000), uint64(100000), int64(20)
	r, err := Resources(&specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: &limit, Swap: &swap},
		CPU:     &specs.LinuxCPU{Shares: &shares, Quota: &quota, Period: &period, Cpus: "0-1"},
		Pids:    &specs.LinuxPids{Limit: &pids},
		Unified: map[string]string{"memory.high": "100"},
		Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Memory != limit || r.MemorySwap != swap || r.CpuWeight == 0 || r.CpuQuota != quota || r.CpuPeriod != period ||
		*r.PidsLimit != pids || r.CpusetCpus != "0-1" || r.Unified["memory.high"] != "100" {
		t.Errorf("%+v", r)
	}
	if len(r.Devices) != 1+11 || r.Devices[0].Allow {
		t.Errorf("devices: %d rules, the first %+v", len(r.Devices), r.Devices[0])
	}
	// A default device that config.json makes itself gets only the access that the rules allow.
	r, err = Resources(nil, []specs.LinuxDevice{{Path: "/dev/full"}, {Path: "/dev/ptmx"}})
	if err != nil || len(r.Devices) != 10 {
		t.Errorf("devices: %d rules, %v", len(r.Devices), err)
	}
	for _, d := range r.Devices {
		if d.Major == 1 && d.Minor == 7 {
			t.Error("/dev/full is allowed")
		}
	}
}

func TestDeviceRules(t *testing.T) {
	t.Parallel()
	seven, one := int64(7), int64(1)
	for name, c := range map[string]struct {
		device specs.LinuxDeviceCgroup
		want   []string
	}{
		"all":            {specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}, []string{"a *:* rwm"}},
		"all refused":    {specs.LinuxDeviceCgroup{Major: &seven, Access: "r"}, []string{"a 7:* r"}},
		"any order":      {specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &seven, Access: "mrw"}, []string{"b 7:* rwm"}},
		"twice the same": {specs.LinuxDeviceCgroup{Allow: true, Type: "c", Access: "rr"}, []string{"c *:* r"}},
		"of any type":    {specs.LinuxDeviceCgroup{Allow: true, Type: "a", Major: &seven, Minor: &one, Access: "rmw"}, []string{"b 7:1 rwm", "c 7:1 rwm"}},
		"other letters":  {specs.LinuxDeviceCgroup{Type: "c", Access: "rwa"}, []string{"c *:* rw"}},
		"reading of any": {specs.LinuxDeviceCgroup{Allow: true, Access: "r"}, []string{"b *:* r", "c *:* r"}},
	} {
		rules, err := deviceRules(&c.device, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, r := range rules {
			got = append(got, r.CgroupString())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestResourcesErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		device specs.LinuxDeviceCgroup
		want   string
	}{
		"type":   {specs.LinuxDeviceCgroup{Type: "x", Access: "r"}, "linux.resources.devices[0].type"},
		"access": {specs.LinuxDeviceCgroup{Type: "c", Access: "z"}, "linux.resources.devices[0].access"},
		"none":   {specs.LinuxDeviceCgroup{Type: "c"}, "linux.resources.devices[0].access"},
	} {
		_, err := Resources(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{c.device}}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
