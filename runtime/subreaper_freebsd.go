package runtime

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes this process the parent of its orphaned descendants (PROC_REAP_ACQUIRE,
// procctl(2)).
func becomeSubreaper() error {
	const pPID, procReapAcquire = 0, 2
	if _, _, errno := unix.Syscall6(unix.SYS_PROCCTL, pPID, uintptr(syscall.Getpid()), procReapAcquire, uintptr(unsafe.Pointer(nil)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
