package lxc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/host"
)

// Requests on LXC's command socket (src/lxc/commands.h) and states (src/lxc/state.h), the same
// since LXC 2.1.
const (
	getState   = 3
	getInitPID = 4

	stateRunning = 2
	stateFrozen  = 6
)

// errNotRunning means that nobody listens on the container's command socket.
var errNotRunning = errors.New("not running")

// connect connects to a container's command socket.
func connect(h *host.Host, id string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	address := &unix.SockaddrUnix{Name: "@" + h.LXCPath() + "/" + id + "/command"}
	if err := unix.Connect(fd, address); err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.ECONNREFUSED) {
			return nil, errNotRunning
		}
		return nil, fmt.Errorf("failed to open container %s's command socket: %w", id, err)
	}
	return os.NewFile(uintptr(fd), "command socket"), nil
}

// ask sends a request and returns the pointer-sized answer. LXC answers only once its main loop
// runs, after it has started the container's init. io.EOF means that the monitor ended first.
func ask(h *host.Host, id string, request uint32, timeout time.Duration) (uint64, error) {
	socket, err := connect(h, id)
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	limit := unix.NsecToTimeval(timeout.Nanoseconds())
	fd := int(socket.Fd())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return 0, fmt.Errorf("limit the wait for an answer: %w", err)
	}
	var message [16]byte
	binary.NativeEndian.PutUint32(message[:], request)
	credentials := unix.UnixCredentials(&unix.Ucred{
		Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid()),
	})
	if err := unix.Sendmsg(fd, message[:], credentials, nil, unix.MSG_NOSIGNAL); err != nil {
		return 0, io.EOF
	}
	for {
		n, err := unix.Read(fd, message[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, os.ErrDeadlineExceeded
		case err != nil || n != len(message):
			return 0, io.EOF
		}
		break
	}
	if status := int32(binary.NativeEndian.Uint32(message[:])); status < 0 {
		return 0, fmt.Errorf("LXC's monitor of %s: %w", id, unix.Errno(-status))
	}
	return binary.NativeEndian.Uint64(message[8:]), nil
}

// InitPID returns the PID of a container's init on the host.
func InitPID(h *host.Host, id string) (int, error) {
	pid, err := ask(h, id, getInitPID, 5*time.Second)
	return int(pid), err
}

// untilGone waits until the monitor at the other end of socket has ended. It returns false if that
// takes longer than limit. A limit of 0 means no limit.
func untilGone(socket *os.File, limit time.Duration) bool {
	poll := []unix.PollFd{{Fd: int32(socket.Fd()), Events: unix.POLLIN}}
	milliseconds := -1
	if limit > 0 {
		milliseconds = int(limit.Milliseconds())
	}
	for {
		n, err := unix.Poll(poll, milliseconds)
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}
