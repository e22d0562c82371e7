package pct

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// files creates empty files in a new directory and returns the directory.
func files(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLXCFSMounts checks that LXCFS covers the files that the container's own /proc and /sys have,
// and no others.
func TestLXCFSMounts(t *testing.T) {
	t.Parallel()
	host := files(t, "proc/meminfo", "proc/uptime", "sys/devices/system/cpu/online", "sys/devices/system/cpu/uevent")
	whole := files(t, "proc/meminfo", "proc/uptime", "proc/slabinfo", "proc/keys", "sys/devices/system/cpu/uevent")
	online := files(t, "proc/meminfo", "sys/devices/system/cpu/online")
	for name, c := range map[string]struct {
		dir          string
		destinations []string
		want         []string
	}{
		"both":            {whole, []string{"/proc", "/sys"}, []string{"/proc/meminfo", "/proc/uptime", "/sys/devices/system/cpu"}},
		"one file of CPU": {online, []string{"/proc/", "/sys"}, []string{"/proc/meminfo", "/sys/devices/system/cpu/online"}},
		"no /sys":         {whole, []string{"/proc"}, []string{"/proc/meminfo", "/proc/uptime"}},
		"no /proc":        {whole, []string{"/sys"}, []string{"/sys/devices/system/cpu"}},
		"a mount there":   {whole, []string{"/proc", "/proc/meminfo"}, []string{"/proc/uptime"}},
		"nothing":         {whole, nil, nil},
	} {
		s := &specs.Spec{}
		for _, d := range c.destinations {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: d})
		}
		var got []string
		for _, m := range lxcfsMounts(s, c.dir, host) {
			got = append(got, m.Destination)
			if m.Source != c.dir+m.Destination || !slices.Contains(m.Options, "ro") {
				t.Errorf("%s: %+v", name, m)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestWantsLXCFS checks that the container's annotation overrides the settings.
func TestWantsLXCFS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting bool
		own     string
		want    bool
	}{{false, "", false}, {true, "", true}, {false, "true", true}, {true, "false", false}} {
		e := &Enclosure{settings: Settings{LXCFS: c.setting}}
		s := &specs.Spec{Annotations: map[string]string{LXCFSAnnotation: c.own}}
		if got := e.wantsLXCFS(s); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestAnnotationsRefused checks that annotations set only what a container may choose, and above
// all no line of LXC's configuration.
func TestAnnotationsRefused(t *testing.T) {
	t.Parallel()
	e := &Enclosure{settings: Settings{Network: Network{Bridge: "vmbr0"}}}
	for key, c := range map[string]struct {
		value   string
		refused bool
	}{
		annotationPrefix + "lxc":                       {"lxc.cap.drop =", true},
		annotationPrefix + "lxc-lines":                 {"lxc.hook.start-host = /x", true},
		annotationPrefix + "lxc.mount.entry":           {"/ host none bind", true},
		annotationPrefix + "pool":                      {"other", true},
		annotationPrefix + "firewall":                  {"0", true},
		annotationPrefix + "tag":                       {"4", true},
		LXCFSAnnotation:                                {"yes\nlxc.cap.drop =", true},
		LXCFSAnnotation + "x":                          {"true", true},
		"io.github.berth-oci.backend":                  {"pct", false},
		"org.example.io.github.berth-oci.pct.whatever": {"x", false},
	} {
		ps := e.Check(&specs.Spec{Annotations: map[string]string{key: c.value}})
		if got := len(ps) > 0; got != c.refused {
			t.Errorf("%s=%q: %v, want refused: %v", key, c.value, ps, c.refused)
		}
		for _, p := range ps {
			if !strings.Contains(p.Path, "annotations[\""+key+"\"]") {
				t.Errorf("%s: the problem's path is %s", key, p.Path)
			}
		}
	}
}

// TestLines checks that the administrator's lines come last, that those about the network are there
// only if LXC makes the network namespace, and that no annotation or other field adds a line.
func TestLines(t *testing.T) {
	t.Parallel()
	const ofNetwork, other = "lxc.sysctl.net.ipv4.ip_forward = 1", "lxc.cgroup2.cgroup.max.depth = 9"
	e := &Enclosure{settings: Settings{Lines: []string{ofNetwork, "lxc.cgroup2.cgroup.max.depth=9"}}}
	for name, c := range map[string]struct {
		network []specs.LinuxNamespace
		want    []string
	}{
		"a new network":      {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, []string{ofNetwork, other}},
		"the host's network": {nil, []string{other}},
		"an engine's":        {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/run/netns/x"}}, []string{other}},
	} {
		s := &specs.Spec{
			Annotations: map[string]string{"org.example.x": "a\nlxc.cap.drop ="},
			Linux:       &specs.Linux{Namespaces: append(c.network, specs.LinuxNamespace{Type: specs.PIDNamespace})},
		}
		j := &enclosure.Job{Container: &backends.Container{ID: "a", Root: "/run/berth", Dir: "/run/berth/a"}, Spec: s, Data: &enclosure.Data{}}
		lines, err := e.config(j).Lines()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, l := range lines[len(lines)-len(c.want):] {
			got = append(got, l.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the last lines are %q, want %q", name, got, c.want)
		}
		for _, l := range lines {
			if strings.Contains(l.Text, "cap.drop") && l.Text != "lxc.cap.drop =" || strings.Contains(l.Text, ofNetwork) && len(c.want) == 1 {
				t.Errorf("%s: a line %q", name, l.Text)
			}
		}
	}
}
