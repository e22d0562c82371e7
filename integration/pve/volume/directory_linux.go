package volume

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// OpenDirectory opens a directory of the host for a bind mount (O_PATH). No symbolic link in its
// path is followed.
func OpenDirectory(h *host.Host, path string) (*os.File, error) {
	info, err := os.Stat(h.Path(path))
	if err != nil || !info.IsDir() {
		return nil, failure.Missing("directory '%s' does not exist", path)
	}
	fd, err := unix.Open(h.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failure.New("failed to open start directory /: %v", err)
	}
	// The path is shown from "/", and each step adds a slash: PVE prints //srv/ct.
	shown := "/"
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		shown += "/" + part
		next, err := unix.Openat(fd, part, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		_ = unix.Close(fd)
		switch {
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
			return nil, failure.New("symlink encountered at: %s", shown)
		case err != nil:
			return nil, failure.New("cannot open directory %s: %v", shown, err)
		}
		fd = next
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Bind mounts an open directory on a path, without the mounts below the directory.
func Bind(source *os.File, target string, readOnly bool) error {
	tree, err := unix.OpenTree(int(source.Fd()), "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return failure.New("open_tree() on mount point failed: %v", err)
	}
	defer unix.Close(tree)
	if readOnly {
		attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attributes); err != nil {
			return failure.New("failed to mark bind mount read only: %v", err)
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return failure.New("failed to move mount to %s: %v", target, err)
	}
	return nil
}

// Inside returns the path of a mount's target below a root, and creates it if it is missing. No
// symbolic link in target is followed.
func Inside(root, target string) (string, error) {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", failure.New("failed to open start directory %s: %v", root, err)
	}
	defer func() { _ = unix.Close(fd) }()
	shown := root
	for part := range strings.SplitSeq(target, "/") {
		if part == "" {
			continue
		}
		shown += "/" + part
		flags := unix.O_PATH | unix.O_NOFOLLOW | unix.O_DIRECTORY | unix.O_CLOEXEC
		next, err := unix.Openat(fd, part, flags, 0)
		if errors.Is(err, unix.ENOENT) {
			_ = unix.Mkdirat(fd, part, 0o755)
			next, err = unix.Openat(fd, part, flags, 0)
		}
		switch {
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
			return "", failure.New("symlink encountered at: %s", shown)
		case err != nil:
			return "", failure.New("failed to create path: %s: %v", shown, err)
		}
		_ = unix.Close(fd)
		fd = next
	}
	return shown, nil
}
