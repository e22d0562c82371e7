package bundle

import (
	"cmp"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var errNotDir error = unix.ENOTDIR

// openInside opens a file in a root file system for reading. It fails on absolute symbolic links.
func openInside(rootfs, path string) (*os.File, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(cmp.Or(strings.TrimPrefix(path, "/"), "."), os.O_RDONLY|unix.O_NONBLOCK, 0)
}
