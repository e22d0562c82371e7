package lxc

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

var (
	_ enclosure.Finder = Enclosure{}
	_ enclosure.Naming = Enclosure{}
)

// Named reports whether name is the one that Name makes of the container's id.
func (Enclosure) Named(c *backends.Container, name string) bool { return name == Name(c) }

// Find finds the LXC container by the name in its LXC configuration, or by the monitor's cgroups.
// It sets d.Name, and the fields for a systemd scope if d.Cgroup is in one.
func (Enclosure) Find(c *backends.Container, d *enclosure.Data) error {
	named := enclosure.Data{Name: Name(c)}
	config, _ := os.ReadFile(filepath.Join(c.Dir, "lxc.conf"))
	if !strings.Contains(string(config), "lxc.cgroup.dir.monitor = "+monitorCgroup(&named)+"\n") &&
		cgroup.ID(monitorCgroup(&named)) == 0 && cgroup.ID(pivotCgroup(&named)) == 0 {
		return nil
	}
	d.Name = named.Name
	if scope, is := cgroup.InScope(d.Cgroup); is {
		d.Scope, d.Limits, d.LimitsID = true, scope, scopeID(scope, d)
	}
	return nil
}

// scopeID returns the ID of a scope if the container's cgroup is in it, else enclosure.NoID.
func scopeID(scope string, d *enclosure.Data) uint64 {
	g, err := cgroup.Open(scope)
	if err != nil {
		return enclosure.NoID
	}
	defer g.Close()
	inner, err := g.Open(d.Cgroup)
	if err != nil {
		return enclosure.NoID
	}
	defer inner.Close()
	if inner.ID() != d.LimitsID {
		return enclosure.NoID
	}
	return g.ID()
}
