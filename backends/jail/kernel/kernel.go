// Package kernel is what the jail backend asks of the kernel by system calls,
// for want of a command: entering a jail, keeping debuggers away, terminals, the
// table of mounts, signals and descriptors. FreeBSD's is the real one; Linux's
// stands in for it in tests (integration/freebsd) and is in no release.
package kernel

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrUnsupported is what this kernel is too old for.
var ErrUnsupported = errors.New("this kernel cannot do it")

// ResetSignals gives the program that this process execs the default action for
// every signal, and none blocked. Caught signals become default ones by execve(2),
// ignored ones stay ignored; so all are caught.
func ResetSignals() error {
	caught := make(chan os.Signal, 1)
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		if sig != unix.SIGKILL && sig != unix.SIGSTOP {
			signal.Notify(caught, sig)
		}
	}
	if err := unblockSignals(); err != nil {
		return fmt.Errorf("unblock signals: %w", err)
	}
	return nil
}

// CloseOnExec has no descriptor from first on outlive the exec.
func CloseOnExec(first int) error {
	if err := closeRange(first); err == nil {
		return nil
	}
	// A kernel from before close_range(2) had the flag.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	for fd := first; fd < int(min(uint64(limit.Cur), 1<<20)); fd++ {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		if err != nil && !errors.Is(err, unix.EBADF) {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// KeepOnExec hands a descriptor on to the program.
func KeepOnExec(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("preserve descriptor %d: %w", fd, err)
	}
	return nil
}
