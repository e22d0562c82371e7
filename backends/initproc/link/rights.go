package link

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SendMessage sends data on a Unix socket, with descriptors beside its first byte (unix(7),
// SCM_RIGHTS). data must not be empty if there are descriptors, of which the kernel passes at most
// 253 at a time. They stay open in the sender.
func SendMessage(socket int, data []byte, fds ...int) error {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	for len(data) > 0 {
		var n int
		err := Retry(func() (err error) {
			n, err = unix.SendmsgN(socket, data, oob, nil, unix.MSG_NOSIGNAL)
			return err
		})
		if err != nil {
			return err
		}
		data, oob = data[n:], nil
	}
	return nil
}

// ReceiveMessage reads what a Unix socket has into data, with at most count files beside it. n is 0
// when the other end is closed. With an error it returns no files and has closed those that had
// arrived.
func ReceiveMessage(socket int, data []byte, count int) (n int, files []*os.File, err error) {
	oob := make([]byte, unix.CmsgSpace(4*count))
	var oobn, flags int
	err = Retry(func() (err error) {
		n, oobn, flags, _, err = unix.Recvmsg(socket, data, oob, unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	// The files that did arrive are open, even if others were lost.
	files, err = rights(oob[:oobn])
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errLost
	}
	if err == nil && len(files) > count {
		// The buffer has room for one more if its size was rounded up.
		err = fmt.Errorf("received %d descriptors instead of at most %d", len(files), count)
	}
	if err != nil {
		closeAll(files)
		return 0, nil, err
	}
	return n, files, nil
}

var errLost = errors.New("descriptors were lost: too many open files")

// rights opens the files that came with a message. It also returns them if it fails.
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

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
