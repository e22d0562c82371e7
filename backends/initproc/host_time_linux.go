package initproc

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/berth-oci/berth/backends/process"
)

var errNoTime = errors.New("the kernel does not let a process enter a new time namespace by execve (Linux 6.2 does)")

// CheckTime checks whether a process enters a new time namespace by execve, as the init process has
// to.
func CheckTime() (err error) {
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return fmt.Errorf("the kernel has no time namespaces: %w", err)
	}
	process.OnThread(func() {
		if err = newTime("", ""); err != nil {
			return
		}
		// ptrace(2) stops the child at its first instruction. This thread is the tracer.
		var pid int
		pid, err = syscall.ForkExec("/proc/self/exe", []string{processName}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true}})
		if err != nil {
			err = errNoTime
			return
		}
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &status, 0, nil)
		there, rerr := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, &status, 0, nil)
		runtime.KeepAlive(pid)
		if err = rerr; err == nil && there == own {
			err = errNoTime
		}
	})
	return err
}
