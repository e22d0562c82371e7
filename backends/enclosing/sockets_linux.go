package enclosing

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// dialConsole connects to the socket on which the engine waits for the
// terminal's master side (runc's docs/terminals.md).
func dialConsole(path string) (*os.File, error) {
	f, err := dialUnix(path)
	if err != nil {
		return nil, fmt.Errorf("--console-socket %s: %w", path, err)
	}
	return f, nil
}

func sendPidfd(path string, pidfd *os.File) error {
	f, err := dialUnix(path)
	if err == nil {
		defer f.Close()
		err = unix.Sendmsg(int(f.Fd()), []byte("pidfd"), unix.UnixRights(int(pidfd.Fd())), nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		return fmt.Errorf("--pidfd-socket %s: %w", path, err)
	}
	return nil
}

func dialUnix(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
