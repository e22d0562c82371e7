package rootfs

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// moveMount attaches a detached mount to the file or directory that target is open on.
func moveMount(mount, target int) error {
	err := unix.MoveMount(mount, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
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
