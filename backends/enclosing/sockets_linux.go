package enclosing

import (
	"fmt"
	"os"

	"github.com/berth-oci/berth/backends/initproc/link"
)

func sendPidfd(path string, pidfd *os.File) error {
	f, err := link.DialUnix(path)
	if err == nil {
		defer f.Close()
		err = link.SendMessage(int(f.Fd()), []byte("pidfd"), int(pidfd.Fd()))
	}
	if err != nil {
		return fmt.Errorf("--pidfd-socket %s: %w", path, err)
	}
	return nil
}
