package lxc

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// TestFind checks that only the container's own LXC configuration leads to its LXC container, and
// that the place of a scope is found from the cgroup.
func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	c := &backends.Container{ID: "x", Root: root, Dir: filepath.Join(root, "x")}
	name := Name(c)
	const scope = "/system.slice/berth-x.scope"
	for title, tt := range map[string]struct {
		config string
		cgroup string
		want   enclosure.Data
	}{
		"no configuration":         {"", "/berth/x", enclosure.Data{Cgroup: "/berth/x"}},
		"its own":                  {"lxc.cgroup.dir.monitor = lxc.monitor." + name + "\n", "/berth/x", enclosure.Data{Name: name, Cgroup: "/berth/x"}},
		"another container's":      {"lxc.cgroup.dir.monitor = lxc.monitor." + name + "y\n", "/berth/x", enclosure.Data{Cgroup: "/berth/x"}},
		"written half":             {"lxc.cgroup.dir.monitor = lxc.monitor." + name, "/berth/x", enclosure.Data{Cgroup: "/berth/x"}},
		"its own, in a scope":      {"lxc.autodev = 0\nlxc.cgroup.dir.monitor = lxc.monitor." + name + "\n", scope + "/container", enclosure.Data{Name: name, Cgroup: scope + "/container", Limits: scope, Scope: true}},
		"a scope, but not its own": {"", scope + "/container", enclosure.Data{Cgroup: scope + "/container"}},
	} {
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if tt.config != "" {
			if err := os.WriteFile(filepath.Join(c.Dir, "lxc.conf"), []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d := enclosure.Data{Cgroup: tt.cgroup}
		if err := (Enclosure{}).Find(c, &d); err != nil {
			t.Errorf("%s: %v", title, err)
		}
		if d.Name != tt.want.Name || d.Limits != tt.want.Limits || d.Scope != tt.want.Scope || d.Cgroup != tt.want.Cgroup {
			t.Errorf("%s: %+v, want %+v", title, d, tt.want)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	c := &backends.Container{ID: "x", Root: DefaultRoot}
	for name, want := range map[string]bool{"berth-x": true, "berth-y": false, "x": false, "": false, "berth-x@": false} {
		if got := (Enclosure{}).Named(c, name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
