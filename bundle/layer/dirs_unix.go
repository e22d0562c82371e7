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

// maxLinks is the largest number of symbolic links that a path may pass through, as in the kernel
// (path_resolution(7)).
const maxLinks = 40

// open holds descriptors of the directory that was used last and of those above it, up to the root.
// The next entry of an archive is usually nearby.
type open struct {
	root  int
	stack []opened
}

type opened struct {
	name string
	fd   int
}

// fd returns the descriptor at a depth. The root has depth 0.
func (o *open) fd(depth int) int {
	if depth == 0 {
		return o.root
	}
	return o.stack[depth-1].fd
}

// cut closes the descriptors below a depth.
func (o *open) cut(depth int) {
	for len(o.stack) > depth {
		_ = unix.Close(o.stack[len(o.stack)-1].fd)
		o.stack = o.stack[:len(o.stack)-1]
	}
}

// forget closes the descriptor of a directory that is about to be removed, and of those below it.
func (o *open) forget(real string) {
	for depth, part := range parts(real) {
		if depth >= len(o.stack) || o.stack[depth].name != part {
			return
		}
	}
	o.cut(len(parts(real)) - 1)
}

// child opens a subdirectory of the directory at a depth.
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

// real returns the path of the directory at a depth.
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

// place is a name in an open directory. The descriptor is valid until the next call of find.
type place struct {
	dir  int
	name string
	// parent and real are paths in the root without symbolic links.
	parent, real string
}

// errAbsent reports that a directory does not exist and may not be created.
var errAbsent = errors.New("no such directory")

// find opens the directory of a cleaned name. If create is true, it creates missing directories and
// replaces anything else in the path that a lower layer left there, as a union of the layers would.
// If create is false, it returns errAbsent in both cases. It follows only symbolic links of this
// layer, and only inside the root.
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
		case "..": // from a symbolic link; the parent of the root is the root (path_resolution(7))
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
					return place{}, hostile("its path has more than %d symbolic links", maxLinks)
				}
				if len(target)+len(pending)+depth > maxDepth {
					return place{}, hostile("its path has more than %d components", maxDepth)
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

// inTheWay handles a path component that is not a directory. If it is a symbolic link of this
// layer, inTheWay returns the components of its target. If it belongs to a lower layer, inTheWay
// removes it.
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

// makeParent creates a directory for which the layer has no entry, or has one only later.
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
