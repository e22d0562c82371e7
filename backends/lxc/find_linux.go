package lxc

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
)

var (
	_ enclosing.Finder = Enclosure{}
	_ enclosing.Naming = Enclosure{}
)

// Named compares with the name that comes from the id.
func (Enclosure) Named(c *backends.Container, name string) bool { return name == Name(c) }

// Find knows an LXC container by the name that LXC's configuration bears, or by
// the monitor's cgroups.
func (Enclosure) Find(c *backends.Container, d *enclosing.Data) error {
	named := enclosing.Data{Name: Name(c)}
	config, _ := os.ReadFile(filepath.Join(c.Dir, "lxc.conf"))
	if !strings.Contains(string(config), "lxc.cgroup.dir.monitor = "+monitorCgroup(&named)+"\n") &&
		cgroup.ID(monitorCgroup(&named)) == 0 && cgroup.ID(pivotCgroup(&named)) == 0 {
		return nil
	}
	d.Name = named.Name
	if scope, is := cgroup.InScope(d.Cgroup); is {
		d.Scope, d.Limits = true, scope
		if d.LimitsID == cgroup.ID(d.Cgroup) {
			d.LimitsID = cgroup.ID(scope)
		}
	}
	return nil
}
