package bundle

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var errNotDir error = unix.ENOTDIR

// openInside opens a file of a root file system for reading. Symbolic links must
// not be absolute.
func openInside(rootfs, path string) (*os.File, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(strings.TrimPrefix(path, "/"), os.O_RDONLY|unix.O_NONBLOCK, 0)
}
