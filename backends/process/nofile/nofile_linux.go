// Package nofile knows the limit of open files that the process was started with.
//
// Go's syscall package raises the soft limit when a program starts (go.dev/issue/46279), and tells nobody what it was:
// it only puts it back within syscall.Exec, by a system call that the seccomp filter of a container may forbid by then,
// with death. This package reads the limit first. Packages are initialised in the order of their import paths as far as
// their imports allow (language specification, "Program initialization"), and this one needs nothing but the runtime:
// it comes before syscall. A test holds it to that.
package nofile

import (
	"runtime"
	"unsafe"
)

// Soft and Hard are RLIMIT_NOFILE as it was at the start; both are 0 where it could not be read.
var Soft, Hard uint64

// resource is RLIMIT_NOFILE on the architectures below.
const resource = 7

// limit is a struct rlimit64. Its address does not move.
var limit [2]uint64

func init() {
	if _, _, errno := rawSyscall6(prlimit64(), 0, resource, 0, uintptr(unsafe.Pointer(&limit)), 0, 0); errno == 0 {
		Soft, Hard = limit[0], limit[1]
	}
}

// prlimit64 is the number of the system call; an impossible one where it is not known.
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
