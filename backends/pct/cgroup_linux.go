package pct

import (
	"io"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
)

// followsConfig reports whether the container goes into the cgroup that config.json names instead
// of Proxmox VE's.
func (e *Enclosure) followsConfig(c *backends.Container) bool {
	return e.settings.CgroupsPath && c.CgroupsPath != ""
}

// take saves in the record that the container is about to get the VMID. It also sets Making,
// because the CT lacks some of the signs that it is the container's until it is complete. If the
// cgroup comes from config.json, take claims it, and fails with cgroup.ErrTaken if it exists
// already.
func (e *Enclosure) take(j *enclosure.Job, vmid int) error {
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

func (e *Enclosure) planCgroup(j *enclosure.Job, vmid int) error {
	j.Data.Name = strconv.Itoa(vmid)
	if !e.followsConfig(j.Container) {
		j.Data.Limits = ownCgroup(j.Data.Name)
		// Proxmox VE calls this the inner cgroup. It is the root of the container's cgroup
		// namespace.
		j.Data.Cgroup = j.Data.Limits + "/ns"
		return nil
	}
	p, err := cgroup.Find(j.CgroupsPath, cgroup.Default{Name: j.Data.Name}, j.SystemdCgroup)
	if err != nil {
		return err
	}
	j.Data.PlaceIn(p)
	return lxcconf.CheckCgroup(p.Path)
}

// openCgroup prepares the cgroup that config.json names: it creates the systemd scope around the
// init process, or enables the controllers down to the cgroup's path, which is kept until the
// result is closed. It does nothing if the container is in Proxmox VE's cgroup.
func (e *Enclosure) openCgroup(j *enclosure.Job) (io.Closer, error) {
	if !e.followsConfig(j.Container) {
		return io.NopCloser(nil), nil
	}
	return j.Data.MakeWay(j.InitPid, j.Annotations)
}

// cgroups adds the lines that make LXC use the cgroup that config.json names. They come after
// Proxmox VE's lines and override them.
func (e *Enclosure) cgroups(c *lxcconf.Config, j *enclosure.Job) {
	if !e.followsConfig(j.Container) {
		return
	}
	c.Clear("lxc.cgroup.dir.container.inner")
	c.From("linux.cgroupsPath").Set("lxc.cgroup.dir.container", strings.TrimPrefix(j.Data.Cgroup, "/"))
}

// removeCgroup removes the cgroup that config.json names. It goes by the container's record,
// because the setting may have changed since create.
func removeCgroup(d *enclosure.Data) error {
	if d.Limits == "" || d.Limits == ownCgroup(d.Name) {
		return nil
	}
	return d.RemoveCgroup()
}

// ownCgroup returns the cgroup in which Proxmox VE puts a CT.
func ownCgroup(name string) string { return "/lxc/" + name }

// monitorCgroup returns the cgroup in which Proxmox VE puts the monitor of a CT.
func monitorCgroup(name string) string { return "/lxc.monitor/" + name }

var _ enclosure.Renaming = (*Enclosure)(nil)

// OwnCgroup reports whether the CT is in Proxmox VE's cgroup, which is named after the VMID.
func (e *Enclosure) OwnCgroup(d *enclosure.Data) bool { return d.Limits == ownCgroup(d.Name) }
