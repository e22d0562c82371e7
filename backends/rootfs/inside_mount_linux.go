package rootfs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Mount makes the config's mounts in order. It creates missing targets: directories with mode 0755,
// and an empty file with mode 0644 if the source of a bind mount is not a directory.
func (r *Root) Mount() error {
	return withUmask(0, func() error {
		for i := range r.plan.Mounts {
			m := &r.plan.Mounts[i]
			if err := r.mount(m); err != nil {
				return &spec.FieldError{Path: fmt.Sprintf("mounts[%d]", m.Index), Value: m.Destination, Err: fmt.Errorf("%s from %q: %w", m.Type, m.Source, err)}
			}
		}
		return nil
	})
}

func (r *Root) mount(m *Mount) error {
	if m.Symlink != "" {
		return r.symlink(m.Symlink, m.Destination, true)
	}
	how := lookup{missing: missingDir, nofollow: m.NoFollow || m.Type == "proc" || m.Type == "sysfs"}
	tree, err := r.source(m)
	if err != nil {
		return err
	}
	if m.Inside != nil {
		defer unix.Close(tree)
	}
	if tree >= 0 {
		st, err := fstat(tree)
		if err != nil {
			return err
		}
		if !isType(st.Mode, unix.S_IFDIR) {
			how.missing = missingFile
		}
	}
	target, err := r.tree.open(m.Destination, how)
	if err != nil {
		return fmt.Errorf("open the mount point: %w", err)
	}
	defer unix.Close(target.fd)
	if err := r.checkTarget(m, target, tree, how.missing == missingFile); err != nil {
		return err
	}
	if tree < 0 {
		if tree, err = r.make(m, target); err != nil {
			return err
		}
		defer unix.Close(tree)
	}
	if err := moveMount(tree, target.fd); err != nil {
		return fmt.Errorf("mount on %s: %w", target.real, err)
	}
	if !m.LateRO {
		return nil
	}
	late, err := unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("fcntl(F_DUPFD_CLOEXEC): %w", err)
	}
	r.lateRO = append(r.lateRO, lateMount{late, fmt.Sprintf("mounts[%d] (%s)", m.Index, m.Destination)})
	return nil
}

// source returns the detached mount that m attaches, or -1 if m is a new file system. The caller
// closes it if it comes from inside the root.
func (r *Root) source(m *Mount) (int, error) {
	switch {
	case m.Inside != nil:
		return r.copyInside(m)
	case m.Tree != None:
		return r.file(m.Tree)
	}
	return -1, nil
}

// copyInside copies a mount, or a part of it, that the config's earlier mounts made in the root.
func (r *Root) copyInside(m *Mount) (int, error) {
	source, err := r.tree.open(m.Inside.Path, lookup{nofollow: m.Inside.NoFollow})
	if err != nil {
		return -1, fmt.Errorf("open the source in the root: %w", err)
	}
	defer unix.Close(source.fd)
	fd, err := openTreeClone(source.fd, "", m.Inside.Flags&unix.MS_REC != 0, true)
	if err != nil {
		return -1, fmt.Errorf("source %s in the root: open_tree: %w", source.real, err)
	}
	if err := finishBind(fd, options{flags: m.Inside.Flags, cleared: m.Inside.Cleared}, m); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// make makes a new file system that is ready to be attached.
func (r *Root) make(m *Mount, target found) (int, error) {
	params := m.Options
	if m.Type == "tmpfs" && !target.created { // default mode: the covered directory's
		st, err := fstat(target.fd)
		if err != nil {
			return -1, err
		}
		params = slices.Concat([]Param{{Key: "mode", Value: fmt.Sprintf("%04o", st.Mode&0o7777)}}, params)
	}
	fd, err := r.newFilesystem(m.Type, m.Source, withLabel(m.Type, r.plan.MountLabel, params), m.Attr)
	if err != nil {
		return -1, err
	}
	if err := r.prepare(m, fd, target); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare does what has to be done to a new file system before it becomes visible.
func (r *Root) prepare(m *Mount, fd int, target found) error {
	if m.CopyUp {
		if err := copyUp(target.fd, fd); err != nil {
			return fmt.Errorf("tmpcopyup from %s: %w", target.real, err)
		}
	}
	if m.Type == "mqueue" && r.plan.MountLabel != "" {
		if err := setLabel(fd, r.plan.MountLabel); err != nil {
			return err
		}
	}
	return finishTree(fd, m)
}

func setLabel(mount int, label string) error {
	fd, err := openat(mount, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fsetxattr(fd, "security.selinux", []byte(label), 0); err != nil {
		return fmt.Errorf("set label %q: %w", label, err)
	}
	return nil
}

// procMounts are the files in /proc that may be covered by mounts. lxcfs has versions of them that
// reflect the container's limits.
var procMounts = []string{
	"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
	"/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
}

// checkTarget refuses the root itself as a mount point, mount points that would make the
// container's /proc lie to programs that trust it, and a directory mounted on a file or the other
// way round.
func (r *Root) checkTarget(m *Mount, target found, tree int, file bool) error {
	st, err := fstat(target.fd)
	if err != nil {
		return err
	}
	isDir := isType(st.Mode, unix.S_IFDIR)
	if (m.Type == "proc" || m.Type == "sysfs") && !isDir {
		return fmt.Errorf("filesystem %q must be mounted on ordinary directory", m.Type)
	}
	if isDir == file { // the kernel would only say "invalid argument"
		return fmt.Errorf("mount on %s: the source and the mount point must both be directories, or neither: %w", target.real, unix.ENOTDIR)
	}
	switch {
	case target.real == "/":
		return fmt.Errorf("the mount point is the root itself: %w", unix.EBUSY)
	case target.real == "/proc":
		if m.Type == "proc" {
			return nil
		}
		if tree >= 0 {
			if is, err := onFilesystem(tree, unix.PROC_SUPER_MAGIC); err != nil || is {
				return err
			}
		}
		return fmt.Errorf("%q cannot be mounted because it is not of type proc", target.real)
	case slices.Contains(procMounts, target.real):
		return nil
	case strings.HasPrefix(target.real, "/proc/"):
		return fmt.Errorf("%q cannot be mounted because it is inside /proc", target.real)
	}
	// The target may be in a procfs under another name, because a directory below the mount point
	// may have been renamed in the meantime.
	is, err := onFilesystem(target.fd, unix.PROC_SUPER_MAGIC)
	if err != nil {
		return err
	}
	if is && st.Ino != procRootIno && !slices.Contains(procMounts, path.Join("/proc", path.Base(target.real))) {
		return fmt.Errorf("%q cannot be mounted because it is inside a procfs", target.real)
	}
	return nil
}

// symlink makes a symbolic link. If name exists already, that is an error only if same is true and
// name is not a link with the same target.
func (r *Root) symlink(to, name string, same bool) error {
	dir, base, err := r.tree.parent(name)
	if err != nil {
		return err
	}
	defer unix.Close(dir.fd)
	err = unix.Symlinkat(to, dir.fd, base)
	if !errors.Is(err, unix.EEXIST) {
		if err != nil {
			return fmt.Errorf("symlink %s to %q: %w", name, to, err)
		}
		return nil
	}
	if !same {
		return nil
	}
	buf := make([]byte, unix.PathMax)
	if n, readErr := unix.Readlinkat(dir.fd, base, buf); readErr != nil || string(buf[:n]) != to {
		return fmt.Errorf("symlink %s to %q: %w", name, to, err)
	}
	return nil
}
