package stage

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// conn is one end of the socket between create and the stage. A message is a
// JSON value with open files beside it.
type conn struct{ fd int }

const (
	maxMessage = 64 << 20
	// The kernel passes at most 253 descriptors at a time (SCM_MAX_FD, unix(7)).
	filesAtATime = 128
)

// errPeerGone says that the other process closed its end, mostly by ending.
var errPeerGone = errors.New("the other end has gone")

func (c conn) close() { unix.Close(c.fd) }

func (c conn) send(v any, files ...*os.File) error {
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
		if err := retry(func() error { return unix.Sendmsg(c.fd, []byte{0}, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL) }); err != nil {
			return peerError(err)
		}
		files = files[n:]
	}
	return c.write(data)
}

func (c conn) write(data []byte) error {
	for len(data) > 0 {
		n, err := unix.SendmsgN(c.fd, data, nil, nil, unix.MSG_NOSIGNAL)
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

func (c conn) receive(v any) ([]*os.File, error) {
	var head [8]byte
	if err := c.read(head[:]); err != nil {
		return nil, err
	}
	size, count := binary.LittleEndian.Uint32(head[:4]), int(binary.LittleEndian.Uint32(head[4:]))
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes, %d are allowed", size, maxMessage)
	}
	var files []*os.File
	for len(files) < count {
		batch, err := c.readFiles(min(count-len(files), filesAtATime))
		if err != nil {
			return nil, err
		}
		files = append(files, batch...)
	}
	data := make([]byte, size)
	if err := c.read(data); err != nil {
		return nil, err
	}
	return files, json.Unmarshal(data, v)
}

func (c conn) read(data []byte) error {
	for len(data) > 0 {
		n, err := unix.Read(c.fd, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return peerError(err)
		}
		if n == 0 {
			return errPeerGone
		}
		data = data[n:]
	}
	return nil
}

func (c conn) readFiles(count int) ([]*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*count))
	var n, oobn, flags int
	err := retry(func() (err error) {
		n, oobn, flags, _, err = unix.Recvmsg(c.fd, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return nil, peerError(err)
	}
	if n == 0 {
		return nil, errPeerGone
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return nil, errors.New("descriptors were lost on the way: too many open files")
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		if messages[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	if len(files) != count {
		return nil, fmt.Errorf("%d descriptors arrived instead of %d", len(files), count)
	}
	return files, nil
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func peerError(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, io.EOF) {
		return errPeerGone
	}
	return err
}
