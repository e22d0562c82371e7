package lxc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// unitCgroup is the prefix of the cgroup in which systemd keeps a container's lxc-start while its
// unit is up.
const unitCgroup = cgroupRoot + `/system.slice/system-pve\x2dcontainer.slice/pve-container@`

// settle waits until systemd has noticed that a unit's lxc-start has ended. Until then a start of
// the unit does nothing, and no container would start. Proxmox's Perl needs half a second to get to
// its start and so never sees this. If lxc-start still runs its post-stop hooks, settle does not
// wait, because there Proxmox's start hangs and the stand-in must hang too.
func settle(id string) {
	path := unitCgroup + id + ".service"
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err != nil {
			return
		}
		raw, err := exec.Command("systemctl", "show", "-P", "MainPID", filepath.Base(path)).Output()
		if err != nil || alive(strings.TrimSpace(string(raw))) {
			return
		}
	}
}

// alive returns true if a process exists and is not a zombie.
func alive(pid string) bool {
	if n, err := strconv.Atoi(pid); err != nil || n == 0 {
		return false
	}
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	// The command name in parentheses may contain anything. The state follows the last parenthesis.
	_, state, _ := cutLast(string(raw), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
