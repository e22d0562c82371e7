package backends

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Open returns a pidfd of the process (pidfd_open(2)). The error wraps os.ErrProcessDone if the
// process no longer exists: it was waited for, and its pid may already belong to another process. A
// zombie still exists.
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

// noProcess reports whether err means that pidfd_open(2) has found no process. If the number still
// names a session, a process group or a thread, the error is ESRCH or ENOENT on Linux 6.16 and
// later, and EINVAL before.
func noProcess(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT)
}

// Signal sends a signal to the process, never to a later process with the same pid. The error is
// os.ErrProcessDone if the process has ended.
func (p Process) Signal(sig syscall.Signal) error { return p.SignalIf(sig, p.Alive) }

// SignalIf is like Signal, but sends the signal only if still returns true. It calls still while it
// holds a pidfd of the process. If still returns false, the error is os.ErrProcessDone.
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

// WaitGone waits until the process has ended, for at most the time patience. A zombie has ended.
func (p Process) WaitGone(ctx context.Context, patience time.Duration) error {
	pidfd, err := p.Open()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer pidfd.Close()
	deadline := time.Now().Add(patience)
	for p.Alive() {
		if err := ctx.Err(); err != nil {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("process %d still runs after %v", p.Pid, patience)
		}
		fds := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(min(left, time.Second).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return nil
}
