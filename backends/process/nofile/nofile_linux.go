// Package nofile knows the limit of open files with which the process was started.
//
// Go's syscall package raises the soft limit when a program starts (go.dev/issue/46279), and does
// not say what it was. It only restores the limit in syscall.Exec, by a system call for which the
// container's seccomp filter may by then kill the process. So this package reads the limit first.
// Packages are initialised in the order of their import paths as far as their imports allow
// (language specification, "Program initialization"). This package imports only the runtime, so it
// is initialised before syscall. A test checks that.
package nofile

import (
	"runtime"
	"unsafe"
)

// Soft and Hard are RLIMIT_NOFILE at the start of the process. Both are 0 if it could not be read.
var Soft, Hard uint64

// resource is RLIMIT_NOFILE on the architectures below.
const resource = 7

// limit is a struct rlimit64. It is a global variable, so its address does not change.
var limit [2]uint64

func init() {
	if _, _, errno := rawSyscall6(prlimit64(), 0, resource, 0, uintptr(unsafe.Pointer(&limit)), 0, 0); errno == 0 {
		Soft, Hard = limit[0], limit[1]
	}
}

// prlimit64 returns the number of the system call, or an invalid number if the architecture is not
// known.
func prlimit64() uintptr {
	switch runtime.GOARCH {
	case "amd64":
		return 302
	case "arm64", "riscv64", "loong64":
		return 261
	case "ppc64le":
		return 325
	case "s390x":
		return 334
	}
	return 1<<16 - 1
}

//go:linkname rawSyscall6 syscall.RawSyscall6
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)
