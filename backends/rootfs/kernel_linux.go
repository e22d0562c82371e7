package rootfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// openTreeClone makes a detached copy of the mount at path (relative to dir). With recursive it
// copies everything below it, too. An empty path means dir itself.
func openTreeClone(dir int, path string, recursive, follow bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if !follow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	for {
		fd, err := unix.OpenTree(dir, path, flags)
		if err == unix.EINTR {
			continue
		}
		return fd, err
	}
}

// setAttr sets and clears flags of the mount that fd is open on.
func setAttr(fd int, set, clear uint64, recursive bool) error {
	return mountSetattr(fd, &unix.MountAttr{Attr_set: set, Attr_clr: clear}, recursive)
}

// setPropagation applies one MS_* propagation change; MS_REC makes it recursive.
func setPropagation(fd int, flags uint64) error {
	return mountSetattr(fd, &unix.MountAttr{Propagation: flags &^ unix.MS_REC}, flags&unix.MS_REC != 0)
}

func mountSetattr(fd int, attr *unix.MountAttr, recursive bool) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(fd, "", flags, attr))
}

func fstat(fd int) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st, os.NewSyscallError("fstat", err)
}

func isType(mode uint32, format uint32) bool { return mode&unix.S_IFMT == format }
