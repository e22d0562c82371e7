package enclosing

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

func sendPidfd(path string, pidfd *os.File) error {
	f, err := link.DialUnix(path)
	if err == nil {
		defer f.Close()
		err = unix.Sendmsg(int(f.Fd()), []byte("pidfd"), unix.UnixRights(int(pidfd.Fd())), nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		return fmt.Errorf("--pidfd-socket %s: %w", path, err)
	}
	return nil
}
