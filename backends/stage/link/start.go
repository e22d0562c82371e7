package link

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
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
	fd, err := Dial(unix.SOCK_STREAM, dir, startSocket)
	if err == nil {
		unix.Close(fd)
		return true, nil
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return false, nil
	}
	return false, err
}

// Start tells the first process to become the user's. It reports until it does:
// the other end closes by the exec.
func Start(dir string) error {
	fd, err := Dial(unix.SOCK_STREAM, dir, startSocket)
	if err != nil {
		return fmt.Errorf("the container's process does not listen: %w", err)
	}
	conn := os.NewFile(uintptr(fd), startSocket)
	defer conn.Close()
	if _, err := conn.Write([]byte{1}); err != nil {
		return fmt.Errorf("tell the container's process to start: %w", err)
	}
	failure, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("the container's process: %w", err)
	}
	if len(failure) > 0 {
		return errors.New(string(failure))
	}
	if err := os.Remove(filepath.Join(dir, startSocket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", startSocket, err)
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
		_, _ = unix.Write(listening, []byte(err.Error()))
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
