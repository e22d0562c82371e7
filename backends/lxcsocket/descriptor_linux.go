package lxcsocket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrOpenSocket is returned for a descriptor that must not be passed into a container.
var ErrOpenSocket = errors.New("it is an unconnected Unix socket of the host, through which the container could reach LXC's command sockets: pass a socket that listens or is connected")

// CheckDescriptor returns ErrOpenSocket if a process in a container could connect the socket fd to
// a command socket. The process's own cgroup does not protect against that: the kernel asks the
// programs of the cgroup in which the socket was made.
func CheckDescriptor(fd int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_UNIX {
		return nil
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return nil // only a stream socket can connect to a command socket
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		return nil
	}
	if _, err := unix.Getpeername(fd); errors.Is(err, unix.ENOTCONN) {
		return ErrOpenSocket
	}
	return nil
}
