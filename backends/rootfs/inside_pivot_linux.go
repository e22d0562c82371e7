package rootfs

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// Pivot makes the root the calling thread's root directory and unmounts the old one. In a shared
// mount namespace it uses chroot and leaves the old root mounted. The working directory is "/"
// afterwards. Standard descriptors that are the old /dev/null are replaced with the container's.
func (r *Root) Pivot() error {
	enter := r.pivot
	if r.plan.SharedMountNamespace {
		enter = r.chroot
	}
	if err := enter(); err != nil {
		return fmt.Errorf("pivot into the root: %w", err)
	}
	if !r.plan.SetupDev {
		return nil
	}
	if err := r.replaceNull(); err != nil {
		return fmt.Errorf("reopen /dev/null inside the container: %w", err)
	}
	return nil
}

func (r *Root) pivot() error {
	old, err := openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	defer unix.Close(old)
	if err := unix.Fchdir(int(r.tree)); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	// The old root is then mounted on top of the new one, and no directory is needed for it
	// (pivot_root(2)).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Fchdir(old); err != nil {
		return fmt.Errorf("fchdir to the old root: %w", err)
	}
	// Unmounts must not propagate to the host. A private mount would also prevent that, but the
	// host's own unmounts would no longer arrive here.
	if err := unix.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make the old root a slave: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("chdir to /: %w", err)
	}
	return nil
}

// chroot makes the root the calling thread's root directory.
func (r *Root) chroot() error { return Enter(int(r.tree)) }

// Enter makes a directory the root and the working directory of the calling thread, which must not
// share them with another thread (CLONE_FS).
func Enter(root int) error {
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return nil
}

// replaceNull replaces standard descriptors that are /dev/null with the container's /dev/null.
func (r *Root) replaceNull() error {
	path, err := r.openNull()
	if err != nil {
		return err
	}
	defer unix.Close(path)
	null := -1
	for fd := range 3 {
		st, err := fstat(fd)
		if errors.Is(err, unix.EBADF) || err == nil && verifyNode(&st, &defaultDevices[0]) != nil {
			continue
		}
		if err != nil {
			return err
		}
		if null < 0 {
			if null, err = r.reopen(path, unix.O_RDWR); err != nil {
				return r.whyNull(path, err)
			}
			defer unix.Close(null)
		}
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fmt.Errorf("dup3 to %d: %w", fd, err)
		}
	}
	return nil
}

// openNull opens the container's /dev/null with O_PATH and checks that it is that device.
func (r *Root) openNull() (int, error) {
	null, err := r.tree.open("/dev/null", lookup{nofollow: true})
	if err != nil {
		return -1, err
	}
	st, err := fstat(null.fd)
	if err == nil {
		err = verifyNode(&st, &defaultDevices[0])
	}
	if err != nil {
		unix.Close(null.fd)
		return -1, fmt.Errorf("the container's /dev/null is invalid: %w", err)
	}
	return null.fd, nil
}

// whyNull returns why the container's /dev/null could not be opened: err, or that its file system
// is mounted with nodev. null is open on it.
func (r *Root) whyNull(null int, err error) error {
	var fs unix.Statfs_t
	if !errors.Is(err, unix.EACCES) || unix.Fstatfs(null, &fs) != nil || fs.Flags&unix.ST_NODEV == 0 {
		return err
	}
	const nodev = "its file system is mounted with nodev, so no device can be opened there"
	for i := range r.plan.Mounts {
		if m := &r.plan.Mounts[i]; path.Clean("/"+m.Destination) == "/dev" {
			return fmt.Errorf("%s: take nodev out of mounts[%d].options", nodev, m.Index)
		}
	}
	return fmt.Errorf("%s: mount a tmpfs on /dev (mounts), or take nodev off the mount that root.path is on", nodev)
}
