package rootfs

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

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

// moveMount attaches a detached mount to the file or directory that target is open on.
func moveMount(mount, target int) error {
	err := unix.MoveMount(mount, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
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

// openat is openat(2) that is repeated after EINTR. The descriptor is close-on-exec.
func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openBeneath opens a path below dir. The path must not leave dir or its mount, and must not
// contain a symbolic link.
func openBeneath(dir int, path string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

func fstat(fd int) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st, os.NewSyscallError("fstat", err)
}

func isType(mode uint32, format uint32) bool { return mode&unix.S_IFMT == format }

// onFilesystem reports whether fd is on a file system of the given type (f_type of statfs(2)).
func onFilesystem(fd int, magic int64) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false, os.NewSyscallError("fstatfs", err)
	}
	return int64(st.Type) == magic, nil //nolint:unconvert // its size differs among architectures
}

// sysFchmodat2 is the number of fchmodat2(2) (Linux 6.6) on every architecture but alpha.
const sysFchmodat2 = 452

// chmod sets the exact mode of a file that is open with O_PATH. On kernels before 6.6 it uses
// /proc/thread-self/fd.
func (r *Root) chmod(fd int, mode uint32) error {
	var empty byte
	_, _, errno := unix.Syscall6(sysFchmodat2, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(mode), unix.AT_EMPTY_PATH, 0, 0)
	runtime.KeepAlive(&empty)
	if errno == 0 {
		return nil
	}
	if errno != unix.ENOSYS && errno != unix.EPERM { // old seccomp filters return EPERM for unknown calls
		return os.NewSyscallError("fchmodat2", errno)
	}
	return os.NewSyscallError("fchmodat", unix.Fchmodat(r.proc, procFD(fd), mode, 0))
}

// reopen opens the file that fd is open on once more. fd may be open with O_PATH.
func (r *Root) reopen(fd, flags int) (int, error) {
	return openat(r.proc, procFD(fd), flags, 0)
}

func procFD(fd int) string { return fmt.Sprintf("thread-self/fd/%d", fd) }

// withUmask runs f with the given umask, so that modes do not depend on the umask that berth
// inherited.
func withUmask(mask int, f func() error) error {
	defer unix.Umask(unix.Umask(mask))
	return f()
}
