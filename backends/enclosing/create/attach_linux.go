package create

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/stubinit"
)

// attach ties the init process and the enclosure together. The stub init waits for the init
// process, and the init process moves into the enclosure's cgroup.
//
// If the init process forks the user process, the stub init waits for the user process instead
// (adopt). The user process is forked in the init process's cgroup. Others in its pid namespace may
// see it from its first moment on, and must not leave their own cgroup with its help.
func (cr *creation) attach(context.Context) error {
	j := cr.job
	if err := j.Data.Attached(cr.caller.process); err != nil {
		return err
	}
	group, err := j.Data.OpenCgroup()
	if err != nil {
		return err
	}
	cr.group.Store(group)
	if err := os.WriteFile(j.CgroupIDFile(), strconv.AppendUint(nil, group.ID(), 10), 0o600); err != nil {
		return fmt.Errorf("note the container's cgroup for LXC's stop hook: %w", err)
	}
	if j.Data.Profile, err = ownProfile(j); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := group.Enter(j.InitPid); err != nil {
		return err
	}
	if !j.ForksProcess() {
		if err := cr.watchProcess(); err != nil {
			return err
		}
	}
	if err := guard.Attach(cr.guard, j.Data); err != nil {
		return err
	}
	return ownCgroup(j, group)
}

// watchProcess makes the stub init wait for the user process, which is in the container's cgroup,
// and moves the stub init from there to the cgroup of LXC's monitor. A process that is not the
// container's would count towards its limits. It would also keep processes inside from giving
// controllers to cgroups of their own (cgroups(7), no internal processes).
func (cr *creation) watchProcess() error {
	task := stubinit.Task{Bounding: cr.prep.process.Capabilities.Bounding, Apart: rootfs.SharedMountNamespace(cr.job.Spec)}
	if err := cr.caller.watch(cr.initProc.Pidfd, task); err != nil {
		return err
	}
	group, err := cgroup.OpenOf(cr.job.Data.Monitor.Pid)
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	defer group.Close()
	return group.Enter(cr.caller.process.Pid)
}

// ownProfile returns the AppArmor profile that the enclosure's tool has given its init. The
// container's processes get it if config.json names none. It is "" if there is no profile, and for
// a container with CAP_SYS_ADMIN: this is how engines ask for a privileged container.
func ownProfile(j *enclosure.Job) (string, error) {
	p := j.Spec.Process
	if p.ApparmorProfile != "" || p.Capabilities != nil && slices.Contains(p.Capabilities.Bounding, "CAP_SYS_ADMIN") {
		return "", nil
	}
	return profileOf(j.Data.StubInit.Pid)
}

// profileOf returns the profile that confines a process (proc_pid_attr(5)), or "" if none does.
func profileOf(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/attr/apparmor/current", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) {
		return "", nil // a kernel without AppArmor
	}
	if err != nil {
		return "", fmt.Errorf("read the enclosure's AppArmor profile: %w", err)
	}
	label := strings.TrimRight(string(data), "\x00\n")
	// The mode follows in parentheses.
	if i := strings.LastIndex(label, " ("); i >= 0 && strings.HasSuffix(label, ")") {
		label = label[:i]
	}
	if label == "unconfined" {
		return "", nil
	}
	return label, nil
}
