package initproc

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenHostTree is a copy of the host's whole tree of mounts, for hooks in an
// enclosure that has left it behind already.
func OpenHostTree() (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return nil, fmt.Errorf("the host's tree for hooks: open_tree: %w", err)
	}
	// What hooks mount must not get to the host.
	attr := unix.MountAttr{Propagation: unix.MS_SLAVE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("the host's tree for hooks: mount_setattr: %w", err)
	}
	return os.NewFile(uintptr(fd), "/"), nil
}

// showHost makes the host's tree the root of the mount namespace, as it is in a
// new one, so that hooks find what they would with any other runtime
// (config.md#posix-platform-hooks: their paths are the host's).
func (s *initProcess) showHost() error {
	tree := int(s.file(s.plan.HostTree).Fd())
	// pivot_root(2) refuses where mounts are shared.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show hooks the host's tree: make / a recursive slave: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("show hooks the host's tree: move_mount: %w", err)
	}
	if err := unix.Fchdir(tree); err != nil {
		return fmt.Errorf("show hooks the host's tree: fchdir: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("show hooks the host's tree: pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("show hooks the host's tree: detach the enclosure's root: %w", err)
	}
	return unix.Chdir("/")
}
