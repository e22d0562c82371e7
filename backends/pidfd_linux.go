package backends

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Open returns a pidfd of the process (pidfd_open(2)). The error wraps
// os.ErrProcessDone where the process is no longer there: one that was waited for,
// or whose pid is another's by now. A zombie is there.
func (p Process) Open() (*os.File, error) {
	if p.Pid <= 0 {
		return nil, os.ErrProcessDone
	}
	fd, err := unix.PidfdOpen(p.Pid, 0)
	if noProcess(err) {
		return nil, fmt.Errorf("process %d: %w", p.Pid, os.ErrProcessDone)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: pidfd_open: %w", p.Pid, err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	if !p.Exists() {
		pidfd.Close()
		return nil, fmt.Errorf("process %d: %w", p.Pid, os.ErrProcessDone)
	}
	return pidfd, nil
}

// noProcess says that pidfd_open(2) has found no process. Where the number still
// names a session, a process group or a thread, it is ESRCH or ENOENT on Linux 6.16
// and later, and EINVAL before.
func noProcess(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT)
}

// Signal sends a signal to the process, and never to one that got its pid later. The
// error is os.ErrProcessDone if the process has ended.
func (p Process) Signal(sig syscall.Signal) error { return p.SignalIf(sig, p.Alive) }

// SignalIf is Signal for a process that may not be the one that is meant: still says,
// while it is held, that it is.
func (p Process) SignalIf(sig syscall.Signal, still func() bool) error {
	pidfd, err := p.Open()
	if errors.Is(err, os.ErrProcessDone) {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("signal %w", err)
	}
	defer pidfd.Close()
	if !still() {
		return os.ErrProcessDone
	}
	err = unix.PidfdSendSignal(int(pidfd.Fd()), sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", p.Pid, err)
	}
	return nil
}
