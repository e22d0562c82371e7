package enclosing

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/backends"
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

// CgroupOf returns the cgroup of the container that a stub init belongs to. That is the stub init's
// own cgroup if it is where LXC has put it, else the cgroup of the process that the stub init waits
// for.
func CgroupOf(stubInit int) (string, error) {
	path, err := cgroup.Of(stubInit)
	if err != nil {
		return "", err
	}
	monitor, err := backends.Parent(stubInit)
	if err != nil {
		return "", err
	}
	if above, err := cgroup.Of(monitor); err != nil || above != path {
		return path, err
	}
	process, err := watched(stubInit)
	if err != nil {
		return "", err
	}
	return cgroup.Of(process)
}

// watched returns the pid of the process of which a stub init holds a pidfd (proc_pid_fdinfo(5)).
func watched(stubInit int) (int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", stubInit))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, "Pid:\t"); ok {
				if pid, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && pid > 0 {
					return pid, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("process %d waits for none", stubInit)
}
