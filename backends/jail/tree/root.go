// Package tree works on a container's root from outside. No name and no symbolic link in the root
// can lead it out of the root.
package tree

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Root is the root of a container.
type Root struct {
	// Path is absolute and contains no symbolic links.
	Path string
	fd   int
}

// Open opens a directory as a root.
func Open(dir string) (*Root, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, &spec.FieldError{Path: "root", Err: err}
	}
	fd, err := unix.Open(real, openDir, 0)
	if err != nil {
		return nil, &spec.FieldError{Path: "root", Err: &os.PathError{Op: "open", Path: real, Err: err}}
	}
	return &Root{Path: real, fd: fd}, nil
}

// Close closes the root.
func (r *Root) Close() { unix.Close(r.fd) }

// Place is the location in a root that a path leads to.
type Place struct {
	// Found lists the names from the root to the last one that exists. None is a symbolic link or
	// "..".
	Found []string
	// Missing lists the remaining names, which do not exist.
	Missing []string
	// Dir is true if the last name in Found is a directory, Regular if it is a regular file.
	Dir, Regular bool
}

// Host returns the place's path on the host.
func (p *Place) Host(r *Root) string {
	return path.Join(r.Path, path.Join(p.Found...), path.Join(p.Missing...))
}

const openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// maxLinks is the maximum number of symbolic links in a path.
const maxLinks = 40

// Resolve resolves a path like a process whose root is r: absolute links start at the root, and
// ".." does not lead above it. It fails with ENOENT if ".." follows a name that does not exist.
func (r *Root) Resolve(name string) (*Place, error) {
	w := &walk{root: r, todo: parts(name)}
	defer w.close()
	if err := w.run(); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, r.Path, err)
	}
	return &w.place, nil
}

// walk follows a path and holds a descriptor for each directory on the way.
type walk struct {
	root  *Root
	dirs  []int
	todo  []string
	links int
	place Place
}

func (w *walk) close() {
	for _, fd := range w.dirs {
		unix.Close(fd)
	}
}

// up goes back to n directories below the root.
func (w *walk) up(n int) {
	for _, fd := range w.dirs[n:] {
		unix.Close(fd)
	}
	w.dirs, w.place.Found = w.dirs[:n], w.place.Found[:n]
}

func (w *walk) here() int {
	if n := len(w.dirs); n > 0 {
		return w.dirs[n-1]
	}
	return w.root.fd
}

func (w *walk) run() error {
	w.place.Dir = true
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		if name == ".." {
			w.up(max(0, len(w.dirs)-1))
			continue
		}
		done, err := w.step(name)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// step follows one name. done is true if the path ends there.
func (w *walk) step(name string) (done bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(w.here(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		w.place.Missing = append([]string{name}, w.todo...)
		for _, n := range w.todo {
			if n == ".." {
				return true, unix.ENOENT
			}
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return false, w.follow(name)
	case unix.S_IFDIR:
		fd, err := unix.Openat(w.here(), name, openDir, 0)
		if err != nil {
			return false, err
		}
		w.dirs, w.place.Found = append(w.dirs, fd), append(w.place.Found, name)
		return false, nil
	}
	if len(w.todo) > 0 {
		return false, unix.ENOTDIR
	}
	w.place.Found = append(w.place.Found, name)
	w.place.Dir, w.place.Regular = false, st.Mode&unix.S_IFMT == unix.S_IFREG
	return true, nil
}

func (w *walk) follow(name string) error {
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(w.here(), name, buf)
	if err != nil {
		return err
	}
	target := string(buf[:n])
	if path.IsAbs(target) {
		w.up(0)
	}
	w.todo = append(parts(target), w.todo...)
	return nil
}

// parts splits a path into names and drops empty ones and ".".
func parts(name string) []string {
	var out []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			out = append(out, part)
		}
	}
	return out
}
