package initproc

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenHostTree returns a copy of the host's whole mount tree. It is for hooks in an enclosure that
// no longer has that tree.
func OpenHostTree() (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return nil, fmt.Errorf("clone the host's mounts for hooks: open_tree: %w", err)
	}
	// Mounts that hooks make must not propagate to the host.
	attr := unix.MountAttr{Propagation: unix.MS_SLAVE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("clone the host's mounts for hooks: mount_setattr: %w", err)
	}
	return os.NewFile(uintptr(fd), "/"), nil
}
