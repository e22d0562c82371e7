package link

import (
	"strconv"

	"golang.org/x/sys/unix"
)

const openDir = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

func bindAt(fd, dir int, name string) error { return unix.Bind(fd, address(dir, name)) }

func connectAt(fd, dir int, name string) error { return unix.Connect(fd, address(dir, name)) }

func address(dir int, name string) *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name}
}
