package rootfs

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// tree is a directory, open with O_PATH, in which paths are resolved. No path leads out of it.
type tree int

const (
	maxLinks   = 40 // the kernel's limit of symbolic links in one path (path_resolution(7))
	maxAttempt = 64 // how often a component may vanish or appear before an open fails
)

// missing is what a lookup does about components that do not exist.
type missing int

const (
	missingFails missing = iota
	missingDir           // make directories
	missingFile          // make directories, and an empty file at the end
)

// lookup is how a path is resolved.
type lookup struct {
	missing  missing
	nofollow bool // return a symbolic link at the end of the path instead of following it
}

// found is the result of a lookup.
type found struct {
	fd      int    // open with O_PATH; the caller closes it
	real    string // the path from the root, without symbolic links
	created bool   // the lookup created it
}

// open resolves a path from the root of the tree as chroot(2) would. It does so in user space, one
// component at a time: each step opens one name in a directory that is already open, without
// following links, and ".." returns to the directory that the walk came from. If a component is
// exchanged during the walk, another file inside the root may be found. But no path leads outside,
// and the file that was checked is the file that is used.
func (t tree) open(name string, how lookup) (found, error) {
	if len(name) >= unix.PathMax {
		return found{}, fmt.Errorf("path of %d bytes: %w", len(name), unix.ENAMETOOLONG)
	}
	todo := components(path.Clean("/" + name))
	walk := walk{tree: t}
	defer walk.rewind()
	links := 0
	attempts := 0
	created := false
	for {
		if len(todo) == 0 {
			return walk.result(created)
		}
		name, last := todo[0], len(todo) == 1
		if name == "." || name == ".." {
			if err := walk.step(name); err != nil {
				return found{}, err
			}
			todo, created = todo[1:], created && name == "."
			continue
		}
		fd, err := openat(walk.dir(), name, unix.O_PATH|unix.O_NOFOLLOW, 0)
		created = false
		if errors.Is(err, unix.ENOENT) && how.missing != missingFails {
			if attempts++; attempts > maxAttempt {
				return found{}, fmt.Errorf("%s keeps changing: %w", walk.path(name), unix.EAGAIN)
			}
			if fd, created, err = walk.create(name, last && how.missing == missingFile); err == nil && !created {
				continue // another process made it first: look it up again
			}
		}
		if err != nil {
			return found{}, fmt.Errorf("%s: %w", walk.path(name), err)
		}
		target, isLink, err := readLink(fd)
		if err != nil {
			unix.Close(fd)
			return found{}, fmt.Errorf("%s: %w", walk.path(name), err)
		}
		if !isLink || last && how.nofollow {
			walk.down(name, fd)
			todo = todo[1:]
			continue
		}
		unix.Close(fd)
		if links++; links > maxLinks {
			return found{}, fmt.Errorf("%s: %w", walk.path(name), unix.ELOOP)
		}
		if strings.HasPrefix(target, "/") {
			walk.rewind()
		}
		todo = append(components(target), todo[1:]...)
	}
}

// parent resolves all components but the last, makes missing directories, and returns the
// directory, which the caller closes, and the last name.
func (t tree) parent(name string) (found, string, error) {
	dir, base := path.Split(path.Clean("/" + name))
	if base == "" {
		return found{}, "", fmt.Errorf("%q: %w", name, unix.EISDIR)
	}
	f, err := t.open(dir, lookup{missing: missingDir})
	return f, base, err
}

// walk is the path from the root to the current position of a lookup.
type walk struct {
	tree  tree
	names []string
	fds   []int
}

func (w *walk) dir() int {
	if len(w.fds) == 0 {
		return int(w.tree)
	}
	return w.fds[len(w.fds)-1]
}

func (w *walk) path(name string) string {
	return "/" + strings.Join(append(w.names[:len(w.names):len(w.names)], name), "/")
}

func (w *walk) down(name string, fd int) {
	w.names, w.fds = append(w.names, name), append(w.fds, fd)
}

// step takes a component "." or "..", which only a directory has.
func (w *walk) step(dots string) error {
	if st, err := fstat(w.dir()); err != nil {
		return fmt.Errorf("%s: %w", w.path(dots), err)
	} else if !isType(st.Mode, unix.S_IFDIR) {
		return fmt.Errorf("%s: %w", w.path(dots), unix.ENOTDIR)
	}
	if dots == ".." {
		w.up()
	}
	return nil
}

func (w *walk) up() {
	if n := len(w.fds); n > 0 {
		unix.Close(w.fds[n-1])
		w.names, w.fds = w.names[:n-1], w.fds[:n-1]
	}
}

func (w *walk) rewind() {
	for len(w.fds) > 0 {
		w.up()
	}
}

// result returns the descriptor of the current position, which then belongs to the caller.
func (w *walk) result(created bool) (found, error) {
	f := found{real: "/" + strings.Join(w.names, "/"), created: created}
	if n := len(w.fds); n > 0 {
		f.fd, w.names, w.fds = w.fds[n-1], w.names[:n-1], w.fds[:n-1]
		return f, nil
	}
	var err error
	if f.fd, err = openat(int(w.tree), ".", unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
		return found{}, fmt.Errorf("/: %w", err)
	}
	return f, nil
}

// create makes a missing component and opens it. made is false, without an error, if another
// process made or exchanged it first.
func (w *walk) create(name string, file bool) (fd int, made bool, err error) {
	if file {
		fd, err = openat(w.dir(), name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY, 0o644)
		if errors.Is(err, unix.EEXIST) {
			return -1, false, nil
		}
		return fd, err == nil, err
	}
	if err := unix.Mkdirat(w.dir(), name, 0o755); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return -1, false, nil
		}
		return -1, false, err
	}
	fd, err = openat(w.dir(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return -1, false, nil // exchanged in the meantime
	}
	return fd, err == nil, err
}

// readLink reads the link that fd is open on. In procfs it refuses every link that may be a magic
// link: one with an absolute or empty target, or a target like net:[1]. The kernel follows a magic
// link to an object and not to the path that it shows, and that object may be outside the root.
func readLink(fd int) (target string, isLink bool, err error) {
	st, err := fstat(fd)
	if err != nil || !isType(st.Mode, unix.S_IFLNK) {
		return "", false, err
	}
	proc, err := onFilesystem(fd, unix.PROC_SUPER_MAGIC)
	if err != nil {
		return "", true, err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	switch {
	case err != nil:
		return "", true, err
	case n == len(buf):
		return "", true, unix.ENAMETOOLONG
	case proc && (n == 0 || buf[0] == '/' || strings.Contains(string(buf[:n]), ":[")):
		return "", true, fmt.Errorf("is a magic link: %w", unix.ELOOP)
	}
	return string(buf[:n]), true, nil
}

// components splits a path. It drops "." and empty components, except that one "." stays at the end
// of a path that only a directory can have: "name/" and "name/.".
func components(name string) []string {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	if len(parts) > 0 && (strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.")) {
		parts = append(parts, ".")
	}
	return parts
}
