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

// Foreign says that the container is in a mount namespace that is not its own: the caller's, or one
// that it joins by its path. Its root is then mounted over At there, for all in the namespace to see,
// and the container enters it by chroot(2). Nobody but us takes it away again.
func SharedMountNamespace(s *specs.Spec) bool {
	_, kind := spec.Namespace(s, specs.MountNamespace)
	return kind != spec.New
}

// Attachment is where the root of a container in a mount namespace of others is mounted.
type Attachment struct {
	// At is the directory, without symbolic links, as it is called in the namespace.
	At string `json:"at"`
	// Over is the id of the mount that At belongs to without the container's (statx(2), STATX_MNT_ID).
	Over uint64 `json:"over"`
}

// FindAttachment looks at the place for a root, before anything is mounted there. The namespace may be
// nil for the caller's.
func FindAttachment(ns *os.File, at string) (a Attachment, err error) {
	err = inNamespaces(ns, nil, func() error {
		if a.At, err = filepath.EvalSymlinks(at); err != nil {
			return err
		}
		if a.At == "/" {
			return errors.New("it is the root directory of the mount namespace, which cannot be covered")
		}
		a.Over, _, err = mountOf(a.At)
		return err
	})
	if err != nil {
		return a, spec.Fieldf("root.path", "mount on %s in a mount namespace that is not the container's own: %w", at, err)
	}
	return a, nil
}

// Detach takes the container's root with all that is mounted in it out of the namespace (nil for the
// caller's), if it is there. What uses it still keeps it. It is an error if something else is mounted
// over it.
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
			return errors.New("something else is mounted over it: unmount that, or delete its container, first")
		}
		return unix.Unmount(a.At, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	})
	if err != nil {
		return fmt.Errorf("unmount the container's root from %s: %w", a.At, err)
	}
	return nil
}

// find is the id of the mount that lies directly over the place; 0 if there is none.
func (a Attachment) find(proc *os.File) (uint64, error) {
	// The caller's view: the thread is perhaps in another namespace than the process.
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

// mountOf is the mount that a file belongs to, and whether the file is its root.
func mountOf(path string) (id uint64, isRoot bool, err error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st); err != nil {
		return 0, false, err
	}
	return st.Mnt_id, st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

// settle keeps what is mounted in the root from then on to the namespace: a root that was mounted on a
// shared mount has become shared itself (mount_namespaces(7)).
func (r *Root) isolatePropagation() error {
	if err := setPropagation(int(r.tree), unix.MS_SLAVE|unix.MS_REC); err != nil {
		return err
	}
	return setPropagation(int(r.tree), unix.MS_PRIVATE)
}

// chroot makes the root the calling thread's root directory.
func (r *Root) chroot() error { return Enter(int(r.tree)) }

// Enter makes a directory the root and the working directory of the calling thread, which shares them
// with no other.
func Enter(root int) error {
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return nil
}
