package initproc

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/berth-oci/berth/backends/osthread"
)

var errNoTime = errors.New("this kernel does not move a process into a new time namespace at execve: Linux 6.2 or later does")

// CheckTime checks whether a process enters a new time namespace by execve, as the init process has
// to.
func CheckTime() error {
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return fmt.Errorf("the kernel has no time namespaces: %w", err)
	}
	return osthread.Run(func() error {
		if err := newTime("", ""); err != nil {
			return err
		}
		// ptrace(2) stops the child at its first instruction. This thread is the tracer.
		pid, err := syscall.ForkExec("/proc/self/exe", []string{processName}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true}})
		if err != nil {
			return errNoTime
		}
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &status, 0, nil)
		there, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, &status, 0, nil)
		if err == nil && there == own {
			err = errNoTime
		}
		return err
	})
}
