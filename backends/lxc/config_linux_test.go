package lxc

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// newJob returns a job whose cgroup is planned.
func newJob(t *testing.T, c *backends.Container, namespaces ...specs.LinuxNamespace) *enclosure.Job {
	t.Helper()
	c.Dir = filepath.Join(c.Root, c.ID)
	j := &enclosure.Job{Container: c, Spec: &specs.Spec{Linux: &specs.Linux{Namespaces: namespaces}}, Data: &enclosure.Data{}}
	if err := plan(j); err != nil {
		t.Fatal(err)
	}
	return j
}

// TestConfig checks the lines that only this backend has, and that nothing in the container's root
// comes from LXC.
func TestConfig(t *testing.T) {
	t.Parallel()
	const procfs = "lxc.mount.entry = proc proc proc nosuid,nodev,noexec 0 0"
	pid := specs.LinuxNamespace{Type: specs.PIDNamespace}
	for name, c := range map[string]struct {
		container  backends.Container
		namespaces []specs.LinuxNamespace
		want       []backends.Line
	}{
		"by default": {
			backends.Container{ID: "x", Root: DefaultRoot}, []specs.LinuxNamespace{pid},
			[]backends.Line{
				{Text: "lxc.autodev = 0"}, {Text: procfs},
				{Text: "lxc.cgroup.dir.container = berth/x"},
				{Text: "lxc.cgroup.dir.monitor = lxc.monitor.berth-x"},
				{Text: "lxc.cgroup.dir.monitor.pivot = lxc.pivot.berth-x"},
				{Text: "lxc.apparmor.profile = unconfined"},
			},
		},
		"another state directory, a cgroup, a shared pid namespace": {
			backends.Container{ID: "x", Root: "/run/other", CgroupsPath: "/pods/a b"}, nil,
			[]backends.Line{
				{Text: "lxc.autodev = 0"},
				{Text: "lxc.cgroup.dir.container = pods/a b", From: "linux.cgroupsPath"},
				{Text: "lxc.cgroup.dir.monitor = lxc.monitor.berth-x@99b3c14a"},
				{Text: "lxc.cgroup.dir.monitor.pivot = lxc.pivot.berth-x@99b3c14a"},
				{Text: "lxc.apparmor.profile = unconfined"},
			},
		},
	} {
		j := newJob(t, &c.container, c.namespaces...)
		lines, err := Enclosure{}.config(j).Lines()
		if err != nil || !slices.Equal(lines[:min(len(c.want), len(lines))], c.want) {
			t.Errorf("%s: %q, want at the beginning %q (%v)", name, lines, c.want, err)
		}
		mount := backends.Line{Text: "lxc.mount.entry = " + j.StubInitDir() + " " + strings.TrimPrefix(j.StubInitDir(), "/") + " none bind,ro 0 0"}
		if !slices.Contains(lines, mount) {
			t.Errorf("%s: no line %q", name, mount.Text)
		}
		for _, l := range lines {
			if strings.HasPrefix(l.Text, "lxc.rootfs") || strings.HasPrefix(l.Text, "lxc.mount.entry") && l != mount && l.Text != procfs {
				t.Errorf("%s: a line %q", name, l.Text)
			}
		}
	}
}

// TestExplain checks that the explanation has the lines and the call that create would use.
func TestExplain(t *testing.T) {
	t.Parallel()
	j := newJob(t, &backends.Container{ID: "x", Root: DefaultRoot})
	x, err := Enclosure{}.Explain(j)
	if err != nil || len(x) != 2 {
		t.Fatalf("%v, %v", x, err)
	}
	lines, err := Enclosure{}.config(j).Lines()
	if err != nil || x[0].Title != "LXC configuration /run/berth/x/lxc.conf" || !slices.Equal(x[0].Lines, lines) {
		t.Errorf("%+v", x[0])
	}
	if want := []backends.Line{{Text: "lxc-start -n berth-x -f /run/berth/x/lxc.conf -F"}}; !slices.Equal(x[1].Lines, want) {
		t.Errorf("%+v, want %+v", x[1].Lines, want)
	}
	bad := newJob(t, &backends.Container{ID: "x", Root: "/a b"})
	if x, err := (Enclosure{}).Explain(bad); err == nil {
		t.Errorf("a bad state directory is explained: %v", x)
	}
}
