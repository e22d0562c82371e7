package link

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// bindAt calls bindat(2), and connectAt calls connectat(2).
func bindAt(fd, dir int, name string) error { return at(unix.SYS_BINDAT, fd, dir, name) }

func connectAt(fd, dir int, name string) error { return at(unix.SYS_CONNECTAT, fd, dir, name) }

func at(call uintptr, fd, dir int, name string) error {
	var address unix.RawSockaddrUnix
	if len(name) >= len(address.Path) {
		return unix.ENAMETOOLONG
	}
	for i := range len(name) {
		address.Path[i] = int8(name[i])
	}
	address.Family = unix.AF_UNIX
	// The length byte, the family, and the name with its NUL (unix(4)).
	address.Len = uint8(2 + len(name) + 1)
	_, _, errno := unix.Syscall6(call, uintptr(dir), uintptr(fd), uintptr(unsafe.Pointer(&address)), uintptr(address.Len), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
