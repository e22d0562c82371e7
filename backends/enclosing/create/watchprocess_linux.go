package create

import (
	"fmt"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/stubinit"
)

// watchProcess makes the stub init wait for the user process, which is in the container's cgroup,
// and moves the stub init from there to the cgroup of LXC's monitor. A process that is not the
// container's would count towards its limits. It would also keep processes inside from giving
// controllers to cgroups of their own (cgroups(7), no internal processes).
func (cr *creation) watchProcess(caller *caller, bounding uint64) error {
	task := stubinit.Task{Bounding: bounding, Apart: rootfs.SharedMountNamespace(cr.job.Spec)}
	if err := caller.watch(cr.initProc.Pidfd, task); err != nil {
		return err
	}
	path, err := cgroup.Of(cr.job.Data.Monitor.Pid)
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	return cgroup.Enter(path, caller.process.Pid)
}
