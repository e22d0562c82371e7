package lxc

import (
	"path/filepath"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
)

// configFile returns the path of LXC's configuration.
func configFile(j *enclosure.Job) string { return filepath.Join(j.Dir, "lxc.conf") }

// Explain returns LXC's configuration and the command line of lxc-start.
func (e Enclosure) Explain(j *enclosure.Job) (backends.Explanation, error) {
	lines, err := e.config(j).Lines()
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	x.Add("LXC configuration "+configFile(j), lines...)
	x.Add("LXC", backends.Line{Text: backends.CommandLine(startWords(j)...)})
	return x, nil
}

func (Enclosure) config(j *enclosure.Job) *lxcconf.Config {
	c := &lxcconf.Config{}
	// Without a rootfs LXC leaves the container in the host's tree. From there the init process
	// moves it into its own root, to which LXC adds nothing.
	c.Set("lxc.autodev", "0")
	if j.OwnPIDs() {
		// LXC unmounts a procfs of another pid namespace.
		c.Set("lxc.mount.entry", "proc proc proc nosuid,nodev,noexec 0 0")
	}
	from := ""
	if j.CgroupsPath != "" {
		from = "linux.cgroupsPath"
	}
	c.From(from).Set("lxc.cgroup.dir.container", strings.TrimPrefix(j.Data.Cgroup, "/"))
	c.Set("lxc.cgroup.dir.monitor", monitorCgroup(j.Data))
	c.Set("lxc.cgroup.dir.monitor.pivot", pivotCgroup(j.Data))
	c.Set("lxc.apparmor.profile", "unconfined")
	c.Common(j, j.StubInitDir(), "")
	return c
}

// monitorCgroup is the monitor's cgroup. pivotCgroup is where the monitor is before it has made
// that cgroup and while it removes it.
func monitorCgroup(d *enclosure.Data) string { return "lxc.monitor." + d.Name }
func pivotCgroup(d *enclosure.Data) string   { return "lxc.pivot." + d.Name }
