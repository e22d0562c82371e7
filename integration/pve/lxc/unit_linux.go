package lxc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// unitCgroup is where systemd keeps a container's lxc-start while its unit is up.
const unitCgroup = cgroupRoot + `/system.slice/system-pve\x2dcontainer.slice/pve-container@`

// settle waits until systemd has noticed that a unit's lxc-start is gone: a start before that would change nothing,
// and no container would come up. Proxmox's Perl needs half a second to come to its start, and so never sees it.
// While lxc-start lives on in its post-stop hooks there is no waiting: there Proxmox's start hangs, and so does ours.
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

// alive says whether a process is there and not a zombie.
func alive(pid string) bool {
	if n, err := strconv.Atoi(pid); err != nil || n == 0 {
		return false
	}
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	// The command's name, in parentheses, may hold anything; the state follows the last one.
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
