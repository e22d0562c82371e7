package lxc

import (
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// startUnconfined starts a program of LXC's without the AppArmor profile that
// distributions attach to it by its path. That profile lets lxc-start mount
// below LXC's own directory for a rootfs and nowhere else, while our containers
// have no rootfs of LXC's: what it guards against, a rootfs that misleads LXC's
// mounts, they do not have.
func startUnconfined(cmd *exec.Cmd) error {
	enabled, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if err != nil || !strings.HasPrefix(string(enabled), "Y") {
		return cmd.Start()
	}
	// What is written holds for the next execve of this thread and of its children.
	process.OnThread(func() {
		execUnconfined()
		err = cmd.Start()
	})
	return err
}

// execUnconfined asks for it; where we are confined ourselves and may not,
// LXC's error will say so.
func execUnconfined() {
	err := os.WriteFile("/proc/thread-self/attr/apparmor/exec", []byte("exec unconfined"), 0)
	if errors.Is(err, unix.ENOENT) { // before Linux 5.8
		_ = os.WriteFile("/proc/thread-self/attr/exec", []byte("exec unconfined"), 0)
	}
}
