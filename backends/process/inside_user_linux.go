package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// become makes the calling thread the container's user. It sets the bounding set, the owner of
// stdio, groups, gid, uid, working directory, and the other capability sets, in runc's order. The
// capabilities in keep survive until execve.
func (a *Attributes) become(setgroups bool, keep uint64, stdio []int) (warnings []error, err error) {
	chdir, err := a.EnterCwd()
	if err != nil {
		return nil, err
	}
	if a.Capabilities != nil {
		if err := a.Capabilities.limitBounding(); err != nil {
			return nil, fmt.Errorf("unable to apply bounding set: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("unable to set keep caps: %w", err)
	}
	if err := ownStdio(a.UID, stdio); err != nil {
		return nil, fmt.Errorf("unable to setup user: %w", err)
	}
	if err := a.setUser(setgroups); err != nil {
		return nil, err
	}
	if err := a.FinishCwd(chdir); err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("unable to clear keep caps: %w", err)
	}
	if a.Capabilities == nil {
		return nil, raise(keep)
	}
	warnings, err = a.Capabilities.apply(keep)
	if err != nil {
		return nil, fmt.Errorf("unable to apply caps: %w", err)
	}
	return warnings, nil
}

// setUser changes the IDs of the calling thread only. Package syscall would change those of all
// threads.
func (a *Attributes) setUser(setgroups bool) error {
	if setgroups {
		var list unsafe.Pointer
		if len(a.Groups) > 0 {
			list = unsafe.Pointer(&a.Groups[0])
		}
		_, _, errno := unix.RawSyscall(sysSetgroups, uintptr(len(a.Groups)), uintptr(list), 0)
		runtime.KeepAlive(a)
		if errno == unix.EINVAL {
			return spec.Fieldf("process.user.additionalGids", "unable to setup user: cannot setgroups %v: more than the kernel allows, or one is unmapped in user namespace: %w",
				a.Groups, errno)
		}
		if errno != 0 {
			return spec.Fieldf("process.user.additionalGids", "unable to setup user: setgroups %v: %w", a.Groups, errno)
		}
	}
	gid, uid := uintptr(a.GID), uintptr(a.UID)
	switch _, _, errno := unix.RawSyscall(sysSetresgid, gid, gid, gid); {
	case errno == unix.EINVAL:
		return spec.Fieldf("process.user.gid", "unable to setup user: cannot setgid to unmapped gid %d in user namespace", a.GID)
	case errno != 0:
		return spec.Fieldf("process.user.gid", "unable to setup user: setgid %d: %w", a.GID, errno)
	}
	switch _, _, errno := unix.RawSyscall(sysSetresuid, uid, uid, uid); {
	case errno == unix.EINVAL:
		return spec.Fieldf("process.user.uid", "unable to setup user: cannot setuid to unmapped uid %d in user namespace", a.UID)
	case errno != 0:
		return spec.Fieldf("process.user.uid", "unable to setup user: setuid %d: %w", a.UID, errno)
	}
	return nil
}

// setgroupsAllowed reports whether supplementary groups can be set. A user namespace may deny it
// (user_namespaces(7)). In that case no process can set them, so skipping them takes nothing from
// the user.
func setgroupsAllowed(proc *procfs) (bool, error) {
	file, err := proc.open("self/setgroups", unix.O_RDONLY)
	if errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 16))
	if err != nil {
		return false, err
	}
	return strings.TrimSpace(string(text)) != "deny", nil
}

// ownStdio makes the user the owner of stdin, stdout and stderr. Otherwise the user could not
// reopen them through /proc/self/fd. The group stays, because a terminal's group may come from the
// mount. /dev/null stays as it is, because everybody uses it.
func ownStdio(uid uint32, stdio []int) error {
	if stdio == nil {
		stdio = []int{0, 1, 2}
	}
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		fd := stdio[i]
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return &os.PathError{Op: "fstat", Path: name, Err: err}
		}
		null := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
		if st.Uid == uid || null {
			continue
		}
		switch err := unix.Fchown(fd, int(uid), -1); {
		case err == nil, errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
			// The owner is not mapped into the user namespace, or the filesystem is read-only:
			// leave it as it is.
		case errors.Is(err, unix.EINVAL):
			// The user is not mapped. setresuid reports that with a better message.
		default:
			return &os.PathError{Op: "chown", Path: name, Err: err}
		}
	}
	return nil
}
