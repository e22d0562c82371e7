package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Load installs the filter on the calling thread, which must be locked (runtime.LockOSThread) and
// needs either no_new_privs or CAP_SYS_ADMIN in its user namespace (seccomp(2)). The filter cannot
// be removed again.
//
// Load makes one system call and allocates nothing after it, because the filter would have to allow
// any further call. It returns the listener's descriptor (close-on-exec), or -1 if the filter has
// no listener.
func (f *Filter) Load() (listenerFD int, err error) {
	prog, err := f.Prog()
	if err != nil {
		return -1, err
	}
	flags := uintptr(f.Flags)
	if f.Listener {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(prog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return -1, fmt.Errorf("load the seccomp filter (seccomp(SECCOMP_SET_MODE_FILTER, flags %#x), %d instructions): %w",
			flags, prog.Len, errno)
	}
	if !f.Listener {
		return -1, nil
	}
	return int(fd), nil
}

// Prog returns the program in the form that seccomp(2) takes. It shares the Filter's memory.
func (f *Filter) Prog() (*unix.SockFprog, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	// The kernel copies the program with copy_from_user, so it need not be aligned.
	return &unix.SockFprog{
		Len:    uint16(len(f.Program) / instructionSize),
		Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(f.Program))),
	}, nil
}

// flagSupported asks the kernel whether it supports a filter flag. With a program at address 0, a
// known flag fails with EFAULT and an unknown one with EINVAL (seccomp(2)).
func flagSupported(flag uint32) bool {
	// WAIT_KILLABLE_RECV is valid only together with NEW_LISTENER.
	if flag == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
		flag |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flag), 0)
	return errno == unix.EFAULT
}
