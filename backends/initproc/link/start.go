package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// startSocket is where start calls the first process; it is there while a
// container is created and not yet started.
const startSocket = "start.sock"

// Listen makes start's socket in the container's state directory.
func Listen(dir string) (*os.File, error) {
	fd, err := Bind(unix.SOCK_STREAM, dir, startSocket, 0o600, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), startSocket), nil
}

// Waits says whether somebody listens for start.
func Waits(dir string) (bool, error) {
	// One that is stopped accepts nothing, and its queue can be full.
	fd, err := Dial(unix.SOCK_STREAM|unix.SOCK_NONBLOCK, dir, startSocket)
	if err == nil {
		unix.Close(fd)
		return true, nil
	}
	if errors.Is(err, unix.EAGAIN) {
		return true, nil
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return false, nil
	}
	return false, err
}

// Start tells the first process to become the user's. It reports until it does:
// the other end closes by the exec. Should its seccomp filter have a listener, that
// is given to the function, whose error is Start's.
func Start(dir string, listener func(*os.File) error) error {
	fd, err := Dial(unix.SOCK_STREAM, dir, startSocket)
	if err != nil {
		return fmt.Errorf("the container's process does not listen: %w", err)
	}
	conn := os.NewFile(uintptr(fd), startSocket)
	defer conn.Close()
	if _, err := conn.Write([]byte{1}); err != nil {
		return fmt.Errorf("tell the container's process to start: %w", err)
	}
	failure, err := reported(Conn{fd}, listener)
	if err != nil {
		return err
	}
	if len(failure) > 0 {
		return errors.New(string(failure))
	}
	if err := os.Remove(filepath.Join(dir, startSocket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", startSocket, err)
	}
	return nil
}

// reported reads what the first process says until it closes its end, and takes
// the listener from it.
func reported(c Conn, listener func(*os.File) error) (text []byte, err error) {
	for {
		data := make([]byte, 4096)
		n, files, err := c.take(data, 1)
		if errors.Is(err, ErrPeerGone) || err == nil && n == 0 {
			return text, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the container's process: %w", err)
		}
		if len(files) == 0 {
			text = append(text, data[:n]...)
			continue
		}
		err = errNoListener
		if listener != nil {
			err = listener(files[0])
		}
		files[0].Close()
		answer := []byte{1}
		if err != nil {
			answer[0] = 0
		}
		if werr := c.write(answer); err == nil && werr != nil {
			err = fmt.Errorf("the container's process: %w", werr)
		}
		if err != nil {
			return nil, err
		}
	}
}

var (
	errNoListener = errors.New("linux.seccomp: there is nobody to give the filter's listener to")
	errRefused    = errors.New("linux.seccomp: the filter's listener could not be given to its agent")
)

// HandListener gives start, at the other end of the connection, the listener of
// a seccomp filter, and waits until it has been passed on.
func HandListener(conn, listener int) error {
	c := Conn{conn}
	if err := Retry(func() error { return unix.Sendmsg(conn, []byte{0}, unix.UnixRights(listener), nil, unix.MSG_NOSIGNAL) }); err != nil {
		return peerError(err)
	}
	answer := make([]byte, 1)
	if err := c.read(answer); err != nil {
		return err
	}
	if answer[0] == 0 {
		return errRefused
	}
	return nil
}

// Serve waits for start on its listening socket and calls launch, which execs
// or fails; Serve does not return. Whoever calls and sends nothing only looked
// whether the container has been started. The connection has the listening
// socket's number, which is to stay open until the exec.
func Serve(listening int, launch func() error) {
	for {
		fd, _, err := unix.Accept4(listening, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			os.Exit(1)
		}
		if n, err := unix.Read(fd, make([]byte, 1)); err != nil || n != 1 {
			unix.Close(fd)
			continue
		}
		if err := dup(fd, listening); err != nil {
			os.Exit(1)
		}
		unix.Close(fd)
		err = launch()
		_, _ = unix.Write(listening, []byte(spec.Shorten(err.Error())))
		os.Exit(exitStatus(err))
	}
}

// dup gives a descriptor another number, close-on-exec. No other thread may
// fork.
func dup(from, to int) error {
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	_, err := unix.FcntlInt(uintptr(to), unix.F_SETFD, unix.FD_CLOEXEC)
	return err
}

// exitStatus is what a shell would exit with (sh(1)).
func exitStatus(err error) int {
	switch {
	case errors.Is(err, unix.ENOENT):
		return 127
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOEXEC):
		return 126
	}
	return 1
}
