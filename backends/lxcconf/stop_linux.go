package lxcconf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// Hook returns a shell script as the value of an lxc.hook key. LXC passes the value to a shell, in
// some versions after an exec, and appends arguments, which become the script's.
func Hook(script string) string { return "/bin/sh -c '" + script + "'" }

// stop returns the script of the stop hook. A stop of the enclosure from outside must end the
// container's process, too, which is not a child of LXC.
//
// The script works in the cgroup's directory, which is the container's if it has the inode that
// create has noted. Another cgroup may have the path by now. Before that note is made, none of the
// container's processes but the stub init is in the cgroup.
//
// LXC tries to remove the cgroup right afterwards, and only once. So the hook waits, for 1 s at
// most, until the first line of cgroup.events is "populated 0". After an OOM kill it moves itself
// into the cgroup and sleeps for 1 s: a program that watches for OOM kills, such as containerd's
// shim, reads the count after it was told of a change, and runc leaves the cgroup until delete. The
// hook must be in the cgroup because systemd would remove an empty scope.
func stop(j *enclosure.Job) string {
	return "cd " + cgroupLink(j) + " 2>/dev/null && [ \"$(stat -c %i .)\" = \"$(cat " + j.CgroupIDFile() + " 2>/dev/null || echo none)\" ] || exit 0; " + unlessEnded(j) + "{ echo 1 >cgroup.kill; n=0; " +
		"while read -r k v <cgroup.events && [ $v = 1 ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.01; done; }; " +
		"grep -q \"^oom_kill [1-9]\" memory.events 2>/dev/null && { echo 0 >cgroup.procs; sleep 1; } 2>/dev/null; exit 0"
}

// unlessEnded returns the beginning of the stop hook's script: the rest kills only if LXC was told
// to stop, and not if the container's process has ended. In a pid namespace that is not the
// container's own, other processes may live on until delete, as under runc. State Z alone does not
// mean that the process has ended: the kernel also shows it if only the first thread has.
func unlessEnded(j *enclosure.Job) string {
	if j.OwnPIDs() {
		return ""
	}
	return "s=x; [ -L " + j.ProcessLink() + " ] && s=$(cat " + filepath.Join(j.ProcessLink(), "status") + " 2>/dev/null); " +
		"[ -z \"$s\" ] || { echo \"$s\" | grep -q \"^State:.[XZ]\" && echo \"$s\" | grep -q \"^Threads:.1$\"; } || "
}

// cgroupLink returns the path of a symbolic link to the container's cgroup. The stop hook's shell
// sees only the link, because the cgroup's name comes from config.json.
func cgroupLink(j *enclosure.Job) string { return filepath.Join(j.Dir, "cgroup") }

// LinkCgroup makes the link to the container's cgroup that the stop hook follows. It does nothing
// if the link exists.
func LinkCgroup(j *enclosure.Job) error {
	err := os.Symlink(filepath.Join(cgroup.Mount, j.Data.Cgroup), cgroupLink(j))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("link to the cgroup for LXC's stop hook: %w", err)
	}
	return nil
}
