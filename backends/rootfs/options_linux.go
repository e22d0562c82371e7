package rootfs

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// options are a mount's options, sorted by their meaning.
type options struct {
	flags, cleared   uint64   // MS_* flags to set and to clear
	propagation      []uint64 // MS_* propagation changes, in order
	recSet, recClear uint64   // MOUNT_ATTR_* flags for the whole tree
	copyUp           bool
	idmap, ridmap    bool
	copySymlink      bool
	sourceNoFollow   bool
	targetNoFollow   bool
	data             []Param // the rest: the file system's own options
}

const (
	atimeFlags = unix.MS_NOATIME | unix.MS_RELATIME | unix.MS_STRICTATIME | unix.MS_NODIRATIME
	// lockFlags are the flags that the kernel locks if a mount comes from a more privileged user
	// namespace (mount_namespaces(7)).
	lockFlags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOSUID | atimeFlags
)

// attrOf converts the per-mount part of mount(2)'s flags to MOUNT_ATTR_* flags of mount_setattr(2).
// Among the access time flags it uses the kernel's precedence.
func attrOf(flags uint64) uint64 {
	var attr uint64
	for _, f := range []struct{ ms, attr uint64 }{
		{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY},
		{unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
		{unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
		{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
		{unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
		{unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
	} {
		if flags&f.ms != 0 {
			attr |= f.attr
		}
	}
	switch {
	case flags&unix.MS_STRICTATIME != 0:
		attr |= unix.MOUNT_ATTR_STRICTATIME
	case flags&unix.MS_NOATIME != 0:
		attr |= unix.MOUNT_ATTR_NOATIME
	}
	return attr
}

// finishBind sets the flags of the copy of a mount, and then does what finishTree does.
func finishBind(fd int, o options, plan *Mount) error {
	if err := setBindFlags(fd, o); err != nil {
		return fmt.Errorf("set mount flags: %w", err)
	}
	return finishTree(fd, plan)
}

// finishTree applies what all kinds of mounts have in common: first the recursive flags, then the
// propagation changes in their order.
func finishTree(fd int, plan *Mount) error {
	if plan.RecSet|plan.RecClear != 0 {
		if err := setAttr(fd, plan.RecSet, plan.RecClear, true); err != nil {
			return fmt.Errorf("set recursive flags: %w", err)
		}
	}
	for _, p := range plan.Propagation {
		if err := setPropagation(fd, p); err != nil {
			return fmt.Errorf("set propagation: %w", err)
		}
	}
	return nil
}

// setBindFlags does what "mount --bind -o FLAGS" is meant to do. The copy gets exactly the flags
// that the options ask for, with three exceptions: it keeps all its flags if no flag is given, it
// keeps its access time flags if no access time flag is given, and it keeps the flags that the
// kernel has locked.
func setBindFlags(fd int, o options) error {
	if o.flags&^(unix.MS_BIND|unix.MS_REC|unix.MS_REMOUNT) == 0 && o.cleared == 0 {
		return nil
	}
	var clear uint64 = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
		unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW
	if o.flags&atimeFlags != 0 {
		clear |= unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	}
	err := setAttr(fd, attrOf(o.flags), clear, false)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	have, statErr := flagsOf(fd)
	if statErr != nil {
		return statErr
	}
	if locked := have & o.cleared & lockFlags; locked != 0 {
		return fmt.Errorf("cannot clear locked flags %#x: %w", locked, err)
	}
	if o.flags&atimeFlags != 0 && o.flags&atimeFlags != have&atimeFlags {
		return fmt.Errorf("cannot change locked access time flags %#x: %w", have&atimeFlags, err)
	}
	const atime = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	return setAttr(fd, attrOf(o.flags|have&lockFlags)&^atime, clear&^atime, false)
}

// flagsOf reads a mount's flags as MS_* flags (statfs(2)). statfs has no flag for strictatime: it
// is set if neither noatime nor relatime is.
func flagsOf(fd int) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return 0, fmt.Errorf("fstatfs: %w", err)
	}
	const nosymfollow = 0x2000 // ST_NOSYMFOLLOW, missing in x/sys
	var flags uint64
	for _, f := range []struct{ st, ms uint64 }{
		{unix.ST_RDONLY, unix.MS_RDONLY}, {unix.ST_NOSUID, unix.MS_NOSUID},
		{unix.ST_NODEV, unix.MS_NODEV}, {unix.ST_NOEXEC, unix.MS_NOEXEC},
		{unix.ST_NOATIME, unix.MS_NOATIME}, {unix.ST_NODIRATIME, unix.MS_NODIRATIME},
		{unix.ST_RELATIME, unix.MS_RELATIME}, {nosymfollow, unix.MS_NOSYMFOLLOW},
	} {
		if uint64(st.Flags)&f.st != 0 {
			flags |= f.ms
		}
	}
	if flags&(unix.MS_NOATIME|unix.MS_RELATIME) == 0 {
		flags |= unix.MS_STRICTATIME
	}
	return flags, nil
}

// withLabel adds the SELinux context of linux.mountLabel to a file system's options. As in runc,
// file systems that label each file themselves and the cgroup file systems do not get it.
func withLabel(typ, label string, params []Param) []Param {
	if label == "" || slices.Contains([]string{"proc", "sysfs", "mqueue", "cgroup", "cgroup2"}, typ) {
		return params
	}
	return append(params[:len(params):len(params)], Param{Key: "context", Value: label})
}
