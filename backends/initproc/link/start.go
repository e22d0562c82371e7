package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// startSocket is the socket on which start connects to the first process. It exists while a
// container is created and not yet started.
const startSocket = "start.sock"

// Listen makes the socket for start in the container's state directory.
func Listen(dir string) (*os.File, error) {
	fd, err := Bind(unix.SOCK_STREAM, dir, startSocket, 0o600, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), startSocket), nil
}

// Waits reports whether a process listens for start.
func Waits(dir string) (bool, error) {
	// A stopped process accepts no connection, and its queue can be full.
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

// Start tells the first process to run the user's program. The process reports errors until exec
// closes the connection. If its seccomp filter has a listener, Start passes it to listener and
// returns that function's error.
func Start(dir string, listener func(*os.File) error) error {
	fd, err := Dial(unix.SOCK_STREAM, dir, startSocket)
	if err != nil {
		return fmt.Errorf("connect to the container's process: %w", err)
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

// reported reads what the first process sends until it closes its end, and passes on the listener
// that it sends.
func reported(c Conn, listener func(*os.File) error) (text []byte, err error) {
	for {
		data := make([]byte, 4096)
		n, files, err := ReceiveMessage(c.FD, data, 1)
		if errors.Is(peerError(err), ErrPeerGone) || err == nil && n == 0 {
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
			err = fmt.Errorf("answer the container's process: %w", werr)
		}
		if err != nil {
			return nil, err
		}
	}
}

var (
	errNoListener = errors.New("linux.seccomp: no agent receives the filter's listener")
	errRefused    = errors.New("linux.seccomp: the filter's listener could not be sent to its agent")
)

// HandListener sends the listener of a seccomp filter to start at the other end of the connection,
// and waits until start has passed it on.
func HandListener(conn, listener int) error {
	c := Conn{conn}
	if err := c.write([]byte{0}, listener); err != nil {
		return err
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

// Serve waits for start on its listening socket and calls launch, which execs or fails. Serve does
// not return. A caller that connects and sends nothing only checks whether the container has been
// started. Serve gives the connection the listening socket's number, because that descriptor stays
// open until exec.
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

// dup duplicates a descriptor to another number and makes it close-on-exec. No other thread may
// fork meanwhile.
func dup(from, to int) error {
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	_, err := unix.FcntlInt(uintptr(to), unix.F_SETFD, unix.FD_CLOEXEC)
	return err
}

// exitStatus returns the status that a shell would exit with (sh(1)).
func exitStatus(err error) int {
	switch {
	case errors.Is(err, unix.ENOENT):
		return 127
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOEXEC):
		return 126
	}
	return 1
}
