package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/console"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// terminal connects berth's own terminal to the terminal of a container that runs in the
// foreground. A nil terminal does nothing.
type terminal struct {
	dir    string
	listen int
	own    console.Console // nil if stdin is not a terminal
	master console.Console
	output chan struct{}
}

// newTerminal makes a socket on which berth receives the terminal of process p, and stores its path
// in socket. It returns nil if p has no terminal, or if socket is already set: then another program
// receives the terminal.
func newTerminal(p *specs.Process, socket *string) (*terminal, error) {
	if !p.Terminal || *socket != "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "berth-console-")
	if err != nil {
		return nil, fmt.Errorf("make a console socket: %w", err)
	}
	t := &terminal{dir: dir, listen: -1, output: make(chan struct{})}
	*socket = filepath.Join(dir, "sock")
	if t.listen, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
		err = unix.Bind(t.listen, &unix.SockaddrUnix{Name: *socket})
	}
	if err == nil {
		err = unix.Listen(t.listen, 1)
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("make a console socket: %w", err)
	}
	if own, err := console.ConsoleFromFile(os.Stdin); err == nil {
		t.own = own
	}
	return t, nil
}

// attach receives the container's terminal, which is sent before create or exec succeeds, and
// starts to copy input and output.
func (t *terminal) attach() error {
	if t == nil {
		return nil
	}
	master, err := t.receive()
	if err != nil {
		return fmt.Errorf("attach the container's terminal: %w", err)
	}
	if t.master, err = console.ConsoleFromFile(master); err != nil {
		return fmt.Errorf("attach the container's terminal: %w", err)
	}
	// berth's own terminal already translates newlines: SetRaw leaves output processing on. The
	// container's terminal must not translate them a second time.
	if err := console.ClearONLCR(t.master.Fd()); err != nil {
		return fmt.Errorf("attach the container's terminal: %w", err)
	}
	if t.own != nil {
		t.resize()
		if err := t.own.SetRaw(); err != nil {
			return fmt.Errorf("attach the container's terminal: %w", err)
		}
	}
	go func() { _, _ = io.Copy(t.master, os.Stdin) }()
	go func() {
		_, _ = io.Copy(os.Stdout, t.master)
		close(t.output)
	}()
	return nil
}

func (t *terminal) receive() (*os.File, error) {
	conn, _, err := unix.Accept4(t.listen, unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(conn)
	_, files, err := link.ReceiveMessage(conn, make([]byte, 4096), 1)
	if err != nil || len(files) != 1 {
		return nil, errors.Join(errors.New("the console socket received no terminal"), err)
	}
	return files[0], nil
}

// size returns the size of berth's own terminal, or nil if there is none.
func (t *terminal) size() *specs.Box {
	if t == nil || t.own == nil {
		return nil
	}
	size, err := t.own.Size()
	if err != nil {
		return nil
	}
	return &specs.Box{Height: uint(size.Height), Width: uint(size.Width)}
}

func (t *terminal) resize() {
	if t != nil && t.own != nil && t.master != nil {
		_ = t.master.ResizeFrom(t.own)
	}
}

// drain waits for the rest of the output, for a second at most: a process may have left the
// container's terminal open.
func (t *terminal) drain() {
	if t == nil || t.master == nil {
		return
	}
	select {
	case <-t.output:
	case <-time.After(time.Second):
	}
}

func (t *terminal) close() {
	if t == nil {
		return
	}
	if t.own != nil {
		_ = t.own.Reset()
	}
	if t.master != nil {
		_ = t.master.Close()
	}
	if t.listen >= 0 {
		unix.Close(t.listen)
	}
	_ = os.RemoveAll(t.dir)
}
