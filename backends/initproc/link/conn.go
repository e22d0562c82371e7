// Package link connects create and start with a container's first process, before that process runs
// the user's program: messages over a socket pair, the socket of start, and the sockets of engines.
package link

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Conn is one end of the socket between create and the init process. A message is a JSON value with
// open files beside it.
type Conn struct{ FD int }

// Pair makes both ends of a connection.
func Pair() (Conn, Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Conn{-1}, Conn{-1}, fmt.Errorf("socketpair: %w", err)
	}
	return Conn{fds[0]}, Conn{fds[1]}, nil
}

// FilePair makes two stream sockets that are connected to each other.
func FilePair(name string) (one, other *os.File, err error) {
	a, b, err := Pair()
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(a.FD), name), os.NewFile(uintptr(b.FD), name), nil
}

const (
	maxMessage = 64 << 20
	// The kernel passes at most 253 descriptors at a time (SCM_MAX_FD, unix(7)).
	filesAtATime = 128
)

// ErrPeerGone means that the other process closed its end, usually because it ended.
var ErrPeerGone = errors.New("the other end has closed the connection")

// Close closes this end.
func (c Conn) Close() { unix.Close(c.FD) }

// Send sends a value and the files beside it. The files stay open in the sender.
func (c Conn) Send(v any, files ...*os.File) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:4], uint32(len(data)))
	binary.LittleEndian.PutUint32(head[4:], uint32(len(files)))
	if err := c.write(head[:]); err != nil {
		return err
	}
	for len(files) > 0 {
		n := min(len(files), filesAtATime)
		fds := make([]int, n)
		for i, f := range files[:n] {
			fds[i] = int(f.Fd())
		}
		if err := c.write([]byte{0}, fds...); err != nil {
			return err
		}
		files = files[n:]
	}
	return c.write(data)
}

func (c Conn) write(data []byte, fds ...int) error {
	return peerError(SendMessage(c.FD, data, fds...))
}

// Receive receives a value. It fails if files came with it, and closes them.
func (c Conn) Receive(v any) error {
	files, err := c.ReceiveFiles(v)
	if err == nil && len(files) > 0 {
		err = fmt.Errorf("received %d descriptors with a message that must have none", len(files))
	}
	closeAll(files)
	return err
}

// ReceiveFiles receives a value and the files sent with it. If it fails, it returns no files and has
// closed those that had arrived.
func (c Conn) ReceiveFiles(v any) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	var head [8]byte
	if err := c.read(head[:]); err != nil {
		return nil, err
	}
	size, count := binary.LittleEndian.Uint32(head[:4]), int(binary.LittleEndian.Uint32(head[4:]))
	if size > maxMessage {
		return nil, fmt.Errorf("message of %d bytes: at most %d are allowed", size, maxMessage)
	}
	for len(files) < count {
		batch, err := c.readFiles(min(count-len(files), filesAtATime))
		if err != nil {
			return files, err
		}
		files = append(files, batch...)
	}
	data := make([]byte, size)
	if err := c.read(data); err != nil {
		return files, err
	}
	return files, json.Unmarshal(data, v)
}

func (c Conn) read(data []byte) error {
	for len(data) > 0 {
		n, err := unix.Read(c.FD, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return peerError(err)
		}
		if n == 0 {
			return ErrPeerGone
		}
		data = data[n:]
	}
	return nil
}

func (c Conn) readFiles(count int) ([]*os.File, error) {
	n, files, err := ReceiveMessage(c.FD, make([]byte, 1), count)
	if err != nil {
		return nil, peerError(err)
	}
	if n == 0 {
		err = ErrPeerGone
	} else if len(files) != count {
		err = fmt.Errorf("received %d descriptors instead of %d", len(files), count)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// Retry repeats a call that a signal has interrupted (EINTR).
func Retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func peerError(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, io.EOF) {
		return ErrPeerGone
	}
	return err
}
