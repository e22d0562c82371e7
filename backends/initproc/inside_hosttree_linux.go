package initproc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// showHost makes the host's tree the root of the mount namespace. Hooks then find the paths that
// they find with other runtimes, where a new mount namespace starts with the host's tree
// (config.md#posix-platform-hooks: hook paths are the host's).
func (s *initProcess) showHost() error {
	tree := int(s.file(s.plan.HostTree).Fd())
	// pivot_root(2) fails if the mounts are shared.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show the host's mounts to hooks: make / a recursive slave: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("show the host's mounts to hooks: move_mount: %w", err)
	}
	if err := unix.Fchdir(tree); err != nil {
		return fmt.Errorf("show the host's mounts to hooks: fchdir: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("show the host's mounts to hooks: pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("show the host's mounts to hooks: detach the enclosure's root: %w", err)
	}
	return unix.Chdir("/")
}
