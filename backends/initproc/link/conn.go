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

const (
	maxMessage = 64 << 20
	// The kernel passes at most 253 descriptors at a time (SCM_MAX_FD, unix(7)).
	filesAtATime = 128
)

// ErrPeerGone means that the other process closed its end, usually because it ended.
var ErrPeerGone = errors.New("the other end has gone")

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
		if err := Retry(func() error { return unix.Sendmsg(c.FD, []byte{0}, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL) }); err != nil {
			return peerError(err)
		}
		files = files[n:]
	}
	return c.write(data)
}

func (c Conn) write(data []byte) error {
	for len(data) > 0 {
		n, err := unix.SendmsgN(c.FD, data, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return peerError(err)
		}
		data = data[n:]
	}
	return nil
}

// Receive receives a value. It fails if files came with it, and closes them.
func (c Conn) Receive(v any) error {
	files, err := c.ReceiveFiles(v)
	if err == nil && len(files) > 0 {
		err = fmt.Errorf("%d descriptors arrived with a message that has none", len(files))
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
		return nil, fmt.Errorf("a message of %d bytes, %d are allowed", size, maxMessage)
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

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
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
	n, files, err := c.take(make([]byte, 1), count)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		err = ErrPeerGone
	} else if len(files) != count {
		err = fmt.Errorf("%d descriptors arrived instead of %d", len(files), count)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// take reads what is available into data, with at most count files. With an error it returns no
// files.
func (c Conn) take(data []byte, count int) (n int, files []*os.File, err error) {
	oob := make([]byte, unix.CmsgSpace(4*count))
	var oobn, flags int
	err = Retry(func() (err error) {
		n, oobn, flags, _, err = unix.Recvmsg(c.FD, data, oob, unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return 0, nil, peerError(err)
	}
	// The files that did arrive are open, even if others were lost.
	files, err = rights(oob[:oobn])
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errLost
	}
	if err == nil && len(files) > count {
		// The buffer has room for one more if its size was rounded up.
		err = fmt.Errorf("%d descriptors arrived instead of at most %d", len(files), count)
	}
	if err != nil {
		closeAll(files)
		return 0, nil, err
	}
	return n, files, nil
}

var errLost = errors.New("descriptors were lost on the way: too many open files")

// rights opens the files that came with a message (unix(7), SCM_RIGHTS).
func rights(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		if messages[i].Header.Level != unix.SOL_SOCKET || messages[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
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
