package link

import (
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Bind makes a listening socket of a kind (SOCK_STREAM, …) in a directory, with the given mode and
// group. It opens the directory and uses its descriptor, because a socket's address holds only
// about 100 bytes.
func Bind(kind int, dir, name string, mode os.FileMode, gid int) (int, error) {
	fd, err := inside(kind, dir, name, bindAt)
	if err == nil {
		err = errors.Join(os.Chmod(dir+"/"+name, mode), os.Chown(dir+"/"+name, 0, gid))
		if err == nil {
			err = unix.Listen(fd, 16)
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return -1, fmt.Errorf("socket %s/%s: %w", dir, name, err)
	}
	return fd, nil
}

// Dial connects to a socket that Bind made.
func Dial(kind int, dir, name string) (int, error) { return inside(kind, dir, name, connectAt) }

func inside(kind int, dir, name string, f func(fd, dir int, name string) error) (int, error) {
	d, err := unix.Open(dir, openDir, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(d)
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := f(fd, d, name); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// DialConsole connects to the socket on which the engine waits for the terminal's master (runc's
// docs/terminals.md).
func DialConsole(path string) (*os.File, error) {
	f, err := DialUnix(path)
	if err != nil {
		return nil, fmt.Errorf("--console-socket %s: %w", path, err)
	}
	return f, nil
}

// DialUnix connects to an engine's stream socket.
func DialUnix(path string) (*os.File, error) {
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

// SendPidfd sends a pidfd to the socket on which the engine waits for it (runc's --pidfd-socket).
func SendPidfd(path string, pidfd *os.File) error {
	f, err := DialUnix(path)
	if err == nil {
		defer f.Close()
		err = SendMessage(int(f.Fd()), []byte("pidfd"), int(pidfd.Fd()))
	}
	if err != nil {
		return fmt.Errorf("--pidfd-socket %s: %w", path, err)
	}
	return nil
}

// Resize sets a terminal to the size of process.consoleSize, in characters. nil leaves the size as
// it is.
func Resize(master *os.File, size *specs.Box) error {
	if size == nil {
		return nil
	}
	ws := &unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, ws); err != nil {
		return &spec.FieldError{Path: "process.consoleSize", Err: err}
	}
	return nil
}

// SendTerminal sends the terminal's master to the engine (runc's docs/terminals.md).
func SendTerminal(socket, master *os.File) error {
	if err := SendMessage(int(socket.Fd()), []byte(master.Name()), int(master.Fd())); err != nil {
		return fmt.Errorf("send the terminal to the console socket: %w", err)
	}
	return nil
}
