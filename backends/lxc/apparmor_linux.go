package lxc

import (
	"errors"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/backends/process"
)

// startUnconfined starts a program of LXC without the AppArmor profile that distributions attach to
// the program's path. That profile lets lxc-start mount only below LXC's own directory for a
// rootfs. It protects against a rootfs that misleads LXC's mounts, and berth gives LXC no rootfs.
func startUnconfined(cmd *exec.Cmd) error {
	if !process.HasAppArmor() {
		return cmd.Start()
	}
	// The written profile applies to the next execve of this thread and of its children.
	return osthread.Run(func() error {
		execUnconfined()
		return cmd.Start()
	})
}

// execUnconfined asks AppArmor to leave the next execve unconfined. It ignores errors: if berth
// itself is confined and may not ask, LXC's own error tells.
func execUnconfined() {
	err := os.WriteFile("/proc/thread-self/attr/apparmor/exec", []byte("exec unconfined"), 0)
	if errors.Is(err, unix.ENOENT) { // before Linux 5.8
		_ = os.WriteFile("/proc/thread-self/attr/exec", []byte("exec unconfined"), 0)
	}
}
