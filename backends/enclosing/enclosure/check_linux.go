package enclosure

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/resctrl"
)

// Check refuses data that Create cannot have written for the container. Delete acts on everything
// else: it kills the processes and removes the cgroups and directories that the data names. named
// reports whether the tool can have chosen a name for the container; it is not asked about an empty
// name. The error wraps record.ErrDamaged.
func (d *Data) Check(c *backends.Container, tool string, named func(name string) bool) error {
	if c.Complete && (c.Process.Pid == 0 || d.Name == "" || d.Limits == "") {
		return record.Damaged("it is complete, but has no process, enclosure or cgroup")
	}
	if d.Name != "" && !named(d.Name) {
		return record.Damaged("data.name: %.100q is not the container's name in %s", d.Name, tool)
	}
	if !d.StubInit.Plausible() || !d.Monitor.Plausible() {
		return record.Damaged("data: processes %d and %d cannot be those of a container", d.StubInit.Pid, d.Monitor.Pid)
	}
	if err := d.checkPlaces(c); err != nil {
		return err
	}
	return d.checkProcess(c)
}

// checkPlaces checks the cgroups and directories.
func (d *Data) checkPlaces(c *backends.Container) error {
	if err := cgroup.CheckRecorded(d.Limits); err != nil {
		return record.Damaged("data.limits: %w", err)
	}
	if err := cgroup.CheckRecorded(d.Cgroup); err != nil {
		return record.Damaged("data.cgroup: %w", err)
	}
	if d.Cgroup != d.Limits && !cgroup.Below(d.Cgroup, d.Limits) {
		return record.Damaged("data: cgroup %.100q is not below %.100q", d.Cgroup, d.Limits)
	}
	if a := d.Attachment; a != nil && (!filepath.IsAbs(a.At) || filepath.Clean(a.At) != a.At || a.At == "/") {
		return record.Damaged("data.attachment: no root can be mounted on %.100q", a.At)
	}
	if (d.Resctrl == resctrl.Group{}) {
		return nil
	}
	root, err := resctrl.Root()
	if err == nil {
		err = d.Resctrl.CheckIn(root, c.ID)
	}
	if err != nil {
		return record.Damaged("data.resctrl: %w", err)
	}
	return nil
}

// checkProcess fails if the container's process is one of the host's.
func (d *Data) checkProcess(c *backends.Container) error {
	if d.SharedPIDs || !c.Process.Alive() {
		return nil
	}
	own, err1 := os.Readlink("/proc/self/ns/pid")
	its, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.Process.Pid))
	if err1 == nil && err2 == nil && own == its && c.Process.Alive() {
		return record.Damaged("process %d is not in a pid namespace of the container's own", c.Process.Pid)
	}
	return nil
}
