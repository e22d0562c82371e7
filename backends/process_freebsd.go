package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readStat reads the status of a process with sysctl(3).
func readStat(pid int) (procStat, error) {
	data, err := unix.SysctlRaw("kern.proc.pid", pid)
	if err == nil && len(data) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return procStat{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseKinfo(pid, data)
}

// Signal sends a signal to the process. FreeBSD has no handle for a process that is not the
// caller's own child. So Signal compares the start time just before it signals the pid. The error
// is os.ErrProcessDone if the process has ended.
func (p Process) Signal(sig syscall.Signal) error {
	if !p.Alive() {
		return os.ErrProcessDone
	}
	err := syscall.Kill(p.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", p.Pid, err)
	}
	return nil
}
