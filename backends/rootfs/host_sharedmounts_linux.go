package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// SharedMountNamespace reports whether the container is in a mount namespace that is not its own:
// the caller's, or one that the config names by its path. The root is then mounted over a directory
// of that namespace, visible to all processes in it, and the container enters it by chroot(2). Only
// berth unmounts it again.
func SharedMountNamespace(s *specs.Spec) bool {
	_, kind := spec.Namespace(s, specs.MountNamespace)
	return kind != spec.New
}

// Attachment records where the root of a container in a shared mount namespace is mounted.
type Attachment struct {
	// At is the directory's path in the namespace, without symbolic links.
	At string `json:"at"`
	// Over is the id of the mount that At belongs to without the container's root (statx(2),
	// STATX_MNT_ID).
	Over uint64 `json:"over"`
}

// FindAttachment examines the directory for a root before anything is mounted there. A nil ns means
// the caller's mount namespace.
func FindAttachment(ns *os.File, at string) (a Attachment, err error) {
	err = inNamespaces(ns, nil, func() error {
		if a.At, err = filepath.EvalSymlinks(at); err != nil {
			return err
		}
		if a.At == "/" {
			return errors.New("it is the root directory of the mount namespace, over which nothing can be mounted")
		}
		a.Over, _, err = mountOf(a.At)
		return err
	})
	if err != nil {
		return a, spec.Fieldf("root.path", "mount on %s in a mount namespace that is not the container's own: %w", at, err)
	}
	return a, nil
}

// Detach unmounts the container's root with everything mounted in it from the namespace (nil: the
// caller's). It does nothing if the root is not mounted. Processes that still use the root keep it.
// Detach fails if something else is mounted over it.
func (a Attachment) Detach(ns *os.File) error {
	proc, err := os.OpenFile("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer proc.Close()
	err = inNamespaces(ns, nil, func() error {
		id, isRoot, err := mountOf(a.At)
		if errors.Is(err, unix.ENOENT) || err == nil && (!isRoot || id == a.Over) {
			return nil
		}
		if err != nil {
			return err
		}
		own, err := a.find(proc)
		if err != nil || own == 0 {
			return err
		}
		if own != id {
			return errors.New("something else is mounted over it: first unmount that or delete its container")
		}
		return unix.Unmount(a.At, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	})
	if err != nil {
		return fmt.Errorf("unmount the container's root from %s: %w", a.At, err)
	}
	return nil
}

// find returns the id of the mount that lies directly on a.Over at a.At, or 0 if there is none.
func (a Attachment) find(proc *os.File) (uint64, error) {
	// Use the thread's mountinfo, because the thread may be in another mount namespace than the
	// process.
	fd, err := unix.Openat(int(proc.Fd()), "thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("/proc/thread-self/mountinfo: %w", err)
	}
	f := os.NewFile(uintptr(fd), "mountinfo")
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, func(m *mountinfo.Info) (skip, stop bool) {
		return m.Mountpoint != a.At || uint64(m.Parent) != a.Over, false
	})
	if err != nil || len(mounts) == 0 {
		return 0, err
	}
	return uint64(mounts[0].ID), nil
}

// mountOf returns the id of the mount that a file belongs to, and whether the file is the root of
// that mount.
func mountOf(path string) (id uint64, isRoot bool, err error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st); err != nil {
		return 0, false, err
	}
	return st.Mnt_id, st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}
