package rootfs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Devices populates /dev with the default devices, the config's devices, and the links that
// programs expect. It does nothing if the config bind mounts a /dev. Existing nodes are left alone.
func (r *Root) Devices() error {
	if !r.plan.SetupDev {
		return nil
	}
	return withUmask(0, func() error {
		for i := range r.plan.Devices {
			if err := r.device(&r.plan.Devices[i]); err != nil {
				return r.plan.Devices[i].error(err)
			}
		}
		if err := r.ptmx(); err != nil {
			return fmt.Errorf("device /dev/ptmx: %w", err)
		}
		return r.devLinks()
	})
}

func (r *Root) device(d *Device) error {
	dir, name, err := r.tree.parent(d.Path)
	if err != nil {
		return err
	}
	defer unix.Close(dir.fd)
	if d.Bind {
		return r.bindNode(dir.fd, name, d)
	}
	err = r.mknod(dir.fd, name, d)
	if errors.Is(err, unix.EPERM) && d.Tree != None {
		return r.bindNode(dir.fd, name, d)
	}
	return err
}

func (r *Root) mknod(dir int, name string, d *Device) error {
	err := unix.Mknodat(dir, name, d.Mode, int(unix.Mkdev(d.Major, d.Minor)))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mknod %d:%d: %w", d.Major, d.Minor, err)
	}
	fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	if err := verifyNode(&st, d); err != nil {
		return fmt.Errorf("the new device node: %w", err)
	}
	if err := unix.Fchownat(fd, "", int(d.UID), int(d.GID), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("fchownat %d:%d: %w", d.UID, d.GID, err)
	}
	if st, err = fstat(fd); err != nil || st.Mode == d.Mode {
		return err
	}
	return r.chmod(fd, d.Mode&0o7777) // a default ACL or the chown cleared bits
}

// bindNode mounts the host's node over a file with the given name.
func (r *Root) bindNode(dir int, name string, d *Device) error {
	tree, err := r.file(d.Tree)
	if err != nil {
		return err
	}
	fd, err := openOrCreate(dir, name, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return moveMount(tree, fd)
}

// openOrCreate opens a file that will be covered by a mount. It creates the file if it is missing,
// and fails if it is a symbolic link.
func openOrCreate(dir int, name string, mode uint32) (int, error) {
	for range maxAttempt {
		fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if errors.Is(err, unix.ENOENT) {
			fd, err = openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY, mode)
			if errors.Is(err, unix.EEXIST) {
				continue
			}
		}
		if err != nil {
			return -1, err
		}
		st, err := fstat(fd)
		if err == nil && isType(st.Mode, unix.S_IFLNK) {
			err = unix.ELOOP
		}
		if err != nil {
			unix.Close(fd)
			return -1, err
		}
		return fd, nil
	}
	return -1, unix.EAGAIN
}

// ptmx makes /dev/ptmx a link to pts/ptmx, the ptmx of the container's own devpts.
func (r *Root) ptmx() error {
	dir, name, err := r.tree.parent("/dev/ptmx")
	if err != nil {
		return err
	}
	defer unix.Close(dir.fd)
	if err := unix.Unlinkat(dir.fd, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unlink: %w", err)
	}
	if err := unix.Symlinkat("pts/ptmx", dir.fd, name); err != nil {
		return fmt.Errorf("symlink to pts/ptmx: %w", err)
	}
	return nil
}

// devLinks makes the links of config-linux, "Dev symbolic links".
func (r *Root) devLinks() error {
	links := [][2]string{
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	}
	var st unix.Stat_t
	if err := unix.Fstatat(r.proc, "kcore", &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		links = append(links, [2]string{"/proc/kcore", "/dev/core"})
	}
	for _, link := range links {
		if err := r.symlink(link[0], link[1], false); err != nil {
			return err
		}
	}
	return nil
}
