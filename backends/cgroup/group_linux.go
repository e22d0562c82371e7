// Package cgroup chooses a container's cgroup, applies its limits, and kills all processes in it.
// It supports cgroup v2 only (kernel documentation, admin-guide/cgroup-v2).
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/procfs"
)

// Mount is the mount point of cgroup v2 on every supported host.
const Mount = "/sys/fs/cgroup"

// ErrNotUnified is returned if the host does not use cgroup v2 only.
var ErrNotUnified = errors.New("the host does not use only cgroup v2")

// CheckUnified returns ErrNotUnified on a host with cgroup v1 or a hybrid hierarchy.
func CheckUnified() error {
	var st unix.Statfs_t
	if err := unix.Statfs(Mount, &st); err != nil {
		return fmt.Errorf("%s: %w", Mount, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%w: %s is not a cgroup2 mount; boot with systemd.unified_cgroup_hierarchy=1, or use the crun or runc backend", ErrNotUnified, Mount)
	}
	return nil
}

// Group is an open cgroup. It holds a descriptor of the cgroup's directory, and all methods go
// through that. If the cgroup is removed and another one gets its path, they leave the other one
// alone.
type Group struct {
	fd int
	// path is relative to Mount and starts with a slash. The kernel does not rename cgroups.
	path string
	id   uint64
}

// ErrGone is returned if there is no cgroup at a path, or not the one that was asked for.
var ErrGone = errors.New("the cgroup no longer exists")

// Open opens whatever cgroup is at path, which is relative to Mount. The error wraps ErrGone if
// there is none. The caller has to close the Group.
func Open(path string) (*Group, error) {
	root, err := unix.Open(Mount, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s: %w", path, &os.PathError{Op: "open", Path: Mount, Err: err})
	}
	defer unix.Close(root)
	path = filepath.Clean("/" + path)
	return openAt(root, "."+path, path)
}

// OpenID opens the cgroup at path if its ID is id. Otherwise the error wraps ErrGone: the cgroup
// was removed, and another one may be at its path. OpenID never opens the root cgroup, which no
// container has.
func OpenID(path string, id uint64) (*Group, error) {
	g, err := Open(path)
	if err != nil {
		return nil, err
	}
	if g.id != id || g.path == "/" {
		g.Close()
		return nil, fmt.Errorf("open cgroup %s: %w", path, ErrGone)
	}
	return g, nil
}

// ID returns the identity of the cgroup at path, as [Group.ID] does, or 0 if there is none.
func ID(path string) uint64 {
	g, err := Open(path)
	if err != nil {
		return 0
	}
	defer g.Close()
	return g.id
}

// OpenOf opens the cgroup that a process is in.
func OpenOf(pid int) (*Group, error) {
	const tries = 10 // the process may be moving
	for n := 1; ; n++ {
		path, err := Of(pid)
		if err != nil {
			return nil, err
		}
		g, err := Open(path)
		if err == nil {
			if now, err := Of(pid); err == nil && now == path && g.Exists() {
				return g, nil
			}
			g.Close()
			err = fmt.Errorf("open cgroup %s: process %d has left it", path, pid)
		}
		if n == tries {
			return nil, err
		}
	}
}

// Make makes a cgroup at path, unless there is one, and opens it.
func Make(path string) (*Group, error) {
	if err := os.Mkdir(filepath.Join(Mount, path), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make cgroup %s: %w", path, err)
	}
	return Open(path)
}

// Open opens the cgroup at path, which is relative to Mount and must be the path of g or lead below
// it. If there is none in g, the error wraps ErrGone, even if another cgroup is at path by now.
func (g *Group) Open(path string) (*Group, error) {
	rel, err := filepath.Rel(g.path, path)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, fmt.Errorf("open cgroup %s: it is not below %s", path, g.path)
	}
	return openAt(g.fd, rel, path)
}

// openAt opens the cgroup path. It is at rel in the directory dir.
func openAt(dir int, rel, path string) (*Group, error) {
	fd, err := openBeneath(dir, rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if gone(err) {
		return nil, fmt.Errorf("open cgroup %s: %w", path, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open cgroup %s: %w", path, err)
	}
	return &Group{fd: fd, path: path, id: st.Ino}, nil
}

// openBeneath opens a path below dir. The path must not leave dir or its mount, and must not
// contain a symbolic link.
func openBeneath(dir int, path string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// Close closes the Group. The cgroup stays.
func (g *Group) Close() error {
	fd := g.fd
	g.fd = -1
	return unix.Close(fd)
}

// Path returns the path at which the cgroup was opened, relative to Mount.
func (g *Group) Path() string { return g.path }

// ID returns the identity (inode number) of the cgroup, which no other cgroup gets while the host
// runs.
func (g *Group) ID() uint64 { return g.id }

// Fd returns the descriptor of the cgroup's directory, for clone3(2) with CLONE_INTO_CGROUP and for
// bpf(2). It is valid until Close.
func (g *Group) Fd() int { return g.fd }

// Exists reports whether the cgroup has not been removed. As long as it exists, no other cgroup has
// its path.
func (g *Group) Exists() bool {
	return unix.Faccessat(g.fd, procsFile, unix.F_OK, 0) == nil
}

// procsFile is a file that every cgroup has. A cgroup that is being removed loses it before most
// others.
const procsFile = "cgroup.procs"

// gone reports whether err is the error of an access to a file of the cgroup because the cgroup is
// removed. The kernel may have no such file, too.
func (g *Group) gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) && !g.Exists()
}

// gone reports whether err is the error of an access to a cgroup, or to a file in one, that does
// not exist.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// file returns the path of one of the cgroup's files, for messages.
func (g *Group) file(name string) string { return filepath.Join(Mount, g.path, name) }

// at returns a path that leads to one of the cgroup's files through the descriptor, for what takes
// a path only. It is valid until Close. The link is the thread's own, as the process's first thread
// may have ended.
func (g *Group) at(name string) string {
	return filepath.Join("/proc/thread-self/fd", strconv.Itoa(g.fd), name)
}

// open opens one of the cgroup's files.
func (g *Group) open(name string, flags int) (*os.File, error) {
	fd, err := openBeneath(g.fd, name, flags)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: g.file(name), Err: err}
	}
	return os.NewFile(uintptr(fd), g.file(name)), nil
}

// read returns the content of one of the cgroup's files.
func (g *Group) read(name string) ([]byte, error) {
	f, err := g.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Write writes a text to one of the cgroup's files.
func (g *Group) Write(name, text string) error {
	f, err := g.open(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// children opens the cgroups directly below g, one after the other. It skips those that are removed
// meanwhile.
func (g *Group) children(each func(child *Group) error) error {
	fd, err := openBeneath(g.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY) // with an offset of its own
	if err != nil {
		return &os.PathError{Op: "open", Path: g.file(""), Err: err}
	}
	dir := os.NewFile(uintptr(fd), g.file(""))
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil && !gone(err) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		child, err := openAt(g.fd, e.Name(), filepath.Join(g.path, e.Name()))
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		err = each(child)
		child.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Of returns the path of the cgroup that a process is in, relative to Mount.
func Of(pid int) (string, error) { return procfs.Proc.Cgroup(pid) }
