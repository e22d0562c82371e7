// Package kernel holds the system calls of the jail backend that no command provides: entering a
// jail, keeping debuggers away, terminals, the mount table, signals and descriptors. The FreeBSD
// version is the real one. The Linux version stands in for it in tests (integration/freebsd) and is
// in no release.
package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrUnsupported is the error for a feature that this kernel is too old for.
var ErrUnsupported = errors.New("not supported by this kernel")

// ResetSignals makes the program that this process execs start with the default action for every
// signal and none blocked. execve(2) resets caught signals and keeps ignored ones, so ResetSignals
// catches all.
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

// CloseOnExec marks all descriptors from first on as close-on-exec.
func CloseOnExec(first int) error {
	if err := closeRange(first); err == nil {
		return nil
	}
	// The kernel is older than the flag of close_range(2).
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

// KeepOnExec passes a descriptor on to the program that this process execs.
func KeepOnExec(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("preserve descriptor %d: %w", fd, err)
	}
	return nil
}

// integer decodes the value of a setting of sysctl(3), whose size is that of its C type: a boolean
// has one byte. ok is false if data is no integer.
func integer(data []byte) (value uint64, ok bool) {
	if len(data) == 0 || len(data) > 8 {
		return 0, false
	}
	var word [8]byte
	copy(word[:], data)
	return binary.LittleEndian.Uint64(word[:]), true // on every platform that berth is built for
}
