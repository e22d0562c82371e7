package pct

import (
	"io"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
)

// followsConfig says that a container is to be in the cgroup that its config.json
// names instead of Proxmox VE's.
func (e *Enclosure) followsConfig(c *backends.Container) bool {
	return e.settings.CgroupsPath && c.CgroupsPath != ""
}

// take notes the VMID that the container is to have, and that what will be there lacks
// the signs of the container's until it is made.
func (e *Enclosure) take(j *enclosing.Job, vmid int) error {
	j.Data.Making = true
	if err := e.planCgroup(j, vmid); err != nil {
		return err
	}
	if e.followsConfig(j.Container) {
		if err := j.Data.Claim(); err != nil {
			return err
		}
	}
	return j.Save()
}

func (e *Enclosure) planCgroup(j *enclosing.Job, vmid int) error {
	j.Data.Name = strconv.Itoa(vmid)
	if !e.followsConfig(j.Container) {
		j.Data.Limits = ownCgroup(j.Data.Name)
		// What Proxmox VE calls the inner cgroup, the root of the namespace.
		j.Data.Cgroup = j.Data.Limits + "/ns"
		return nil
	}
	p, err := cgroup.Find(j.CgroupsPath, cgroup.Default{Name: j.Data.Name}, j.SystemdCgroup)
	if err != nil {
		return err
	}
	j.Data.Cgroup, j.Data.Limits, j.Data.Scope = p.Path, p.Limits, p.Scoped()
	return lxc.CheckCgroup(p.Path)
}

// openCgroup makes ready the cgroup of config.json, until it is closed.
func (e *Enclosure) openCgroup(j *enclosing.Job) (io.Closer, error) {
	if !e.followsConfig(j.Container) {
		return io.NopCloser(nil), nil
	}
	p, err := cgroup.At(j.Data.Limits, j.Data.Scope)
	if err != nil {
		return nil, err
	}
	opened, err := p.Open(j.InitPid, j.Annotations)
	j.Data.Unclaim(err)
	return opened, err
}

// cgroups has LXC use that cgroup. It comes after what Proxmox VE says.
func (e *Enclosure) cgroups(c *lxc.Config, j *enclosing.Job) {
	if !e.followsConfig(j.Container) {
		return
	}
	c.Clear("lxc.cgroup.dir.container.inner")
	c.From("linux.cgroupsPath").Set("lxc.cgroup.dir.container", strings.TrimPrefix(j.Data.Cgroup, "/"))
}

// removeCgroup removes that of config.json. Which one the container was given is
// in its record, for the setting can have changed.
func removeCgroup(d *enclosing.Data) error {
	if d.Limits == "" || d.Limits == ownCgroup(d.Name) {
		return nil
	}
	return lxc.RemoveCgroup(d)
}

// ownCgroup is where Proxmox VE has a CT.
func ownCgroup(name string) string { return "/lxc/" + name }

var _ enclosing.Renaming = (*Enclosure)(nil)

// OwnCgroup says whether a CT is where Proxmox VE has it.
func (e *Enclosure) OwnCgroup(d *enclosing.Data) bool { return d.Limits == ownCgroup(d.Name) }
