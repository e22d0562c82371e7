//go:build unix

package layer

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// maxLinks bounds how many symbolic links a path may pass through, as the
// kernel does (path_resolution(7)).
const maxLinks = 40

// open is the directory that was last worked in and those above it, from the
// root on: what an archive names next is most often near.
type open struct {
	root  int
	stack []opened
}

type opened struct {
	name string
	fd   int
}

// fd is the descriptor at a depth, 0 being the root.
func (o *open) fd(depth int) int {
	if depth == 0 {
		return o.root
	}
	return o.stack[depth-1].fd
}

// cut closes all below a depth.
func (o *open) cut(depth int) {
	for len(o.stack) > depth {
		_ = unix.Close(o.stack[len(o.stack)-1].fd)
		o.stack = o.stack[:len(o.stack)-1]
	}
}

// forget closes a directory that is to be removed.
func (o *open) forget(real string) {
	for depth, part := range parts(real) {
		if depth >= len(o.stack) || o.stack[depth].name != part {
			return
		}
	}
	o.cut(len(parts(real)) - 1)
}

// child opens a directory in the one at a depth.
func (o *open) child(depth int, name string) error {
	if len(o.stack) > depth {
		if o.stack[depth].name == name {
			return nil
		}
		o.cut(depth)
	}
	fd, err := unix.Openat(o.fd(depth), name, openDir, 0)
	if err != nil {
		return err
	}
	o.stack = append(o.stack, opened{name, fd})
	return nil
}

// real is the path at a depth.
func (o *open) real(depth int) string {
	if depth == 0 {
		return "."
	}
	names := make([]string, depth)
	for i := range names {
		names[i] = o.stack[i].name
	}
	return strings.Join(names, "/")
}

func parts(dir string) []string {
	if dir == "." || dir == "" {
		return nil
	}
	return strings.Split(dir, "/")
}

// place is a name in an open directory. The descriptor is good until the next
// place is looked for.
type place struct {
	dir  int
	name string
	// parent and real are paths in the root without symbolic links.
	parent, real string
}

// errAbsent: the directory is not there, and is not to be made.
var errAbsent = errors.New("no such directory")

// find opens the directory that a cleaned name is in. With create, missing
// directories are made, and what a lower layer has in their place gives way, as
// in a union of the layers; without, that is errAbsent. A symbolic link of this
// very layer is followed inside the root only.
func (a *applier) find(name string, create bool) (place, error) {
	if name == "." {
		return place{a.root, ".", ".", "."}, nil
	}
	dir, base := path.Split(name)
	pending := parts(strings.TrimSuffix(dir, "/"))
	depth, links := 0, 0
	for len(pending) > 0 {
		next := pending[0]
		pending = pending[1:]
		switch next {
		case "", ".":
			continue
		case "..": // of a symbolic link; the root is its own parent (path_resolution(7))
			depth = max(depth-1, 0)
			continue
		}
		err := a.child(depth, next)
		switch {
		case err == nil:
			depth++
			continue
		case errors.Is(err, unix.ENOENT):
			if !create {
				return place{}, errAbsent
			}
		case errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP):
			target, absolute, err := a.inTheWay(depth, next, create)
			if err != nil {
				return place{}, err
			}
			if target != nil {
				if absolute {
					depth = 0
				}
				if links++; links > maxLinks {
					return place{}, hostile("more than %d symbolic links in its path", maxLinks)
				}
				if len(target)+len(pending)+depth > maxDepth {
					return place{}, hostile("a path with more than %d components", maxDepth)
				}
				pending = append(target, pending...)
				continue
			}
		default:
			return place{}, fmt.Errorf("open directory %s: %w", path.Join(a.real(depth), next), err)
		}
		if err := a.makeParent(depth, next); err != nil {
			return place{}, err
		}
		depth++
	}
	parent := a.real(depth)
	return place{a.fd(depth), base, parent, path.Join(parent, base)}, nil
}

// inTheWay handles what is no directory in a path: a symbolic link of this layer
// is returned as the components of its target, what a lower layer has is removed.
func (a *applier) inTheWay(depth int, name string, create bool) (target []string, absolute bool, err error) {
	real := path.Join(a.real(depth), name)
	if !a.ours(real) {
		if !create {
			return nil, false, errAbsent
		}
		return nil, false, a.remove(place{a.fd(depth), name, a.real(depth), real})
	}
	var buffer [unix.PathMax]byte
	n, err := unix.Readlinkat(a.fd(depth), name, buffer[:])
	switch {
	case errors.Is(err, unix.EINVAL):
		return nil, false, fmt.Errorf("%s is not a directory", real)
	case err != nil:
		return nil, false, fmt.Errorf("read symbolic link %s: %w", real, err)
	}
	text := string(buffer[:n])
	return strings.Split(text, "/"), strings.HasPrefix(text, "/"), nil
}

// makeParent makes a directory that the layer has no entry for, or not yet.
func (a *applier) makeParent(depth int, name string) error {
	real := path.Join(a.real(depth), name)
	if err := a.changing(a.fd(depth), a.real(depth)); err != nil {
		return err
	}
	if err := unix.Mkdirat(a.fd(depth), name, 0o700); err != nil {
		return fmt.Errorf("make directory %s: %w", real, err)
	}
	if err := unix.Fchmodat(a.fd(depth), name, 0o755, 0); err != nil {
		return fmt.Errorf("make directory %s: %w", real, err)
	}
	delete(a.times, real)
	a.touch(real)
	return a.child(depth, name)
}
