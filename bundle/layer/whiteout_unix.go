//go:build unix

package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// whiteout removes a path of the lower layers, or everything that they have in a directory. Files
// of this layer stay, whatever the order in the archive.
func (a *applier) whiteout(dir, base string) error {
	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return hostile("it is a whiteout without a name")
	}
	if a.touched == nil || base != whiteoutOpaque && strings.HasPrefix(base, whiteoutMeta) {
		return nil
	}
	if base == whiteoutOpaque {
		// Any name in the directory will do, because only the directory is needed.
		p, err := a.find(path.Join(dir, base), false)
		if errors.Is(err, errAbsent) {
			return nil
		}
		if err != nil {
			return err
		}
		return a.clear(p.dir, p.parent, a.ours)
	}
	p, err := a.find(path.Join(dir, name), false)
	if errors.Is(err, errAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	if !a.ours(p.real) {
		err = a.remove(p)
	} else {
		err = a.clearBelow(p, a.ours)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// remove removes a path and everything below it.
func (a *applier) remove(p place) error {
	if err := a.changing(p.dir, p.parent); err != nil {
		return err
	}
	err := unix.Unlinkat(p.dir, p.name, 0)
	// unlink(2) of a directory fails with EISDIR on Linux and with EPERM in POSIX.
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		a.forget(p.real)
		if err = a.clearBelow(p, nil); err == nil {
			err = unix.Unlinkat(p.dir, p.name, unix.AT_REMOVEDIR)
		}
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", p.real, err)
	}
	return nil
}

// clearBelow empties the directory at a place, except for the paths that keep accepts. It does
// nothing if the place is not a directory.
func (a *applier) clearBelow(p place, keep func(string) bool) error {
	fd, err := unix.Openat(p.dir, p.name, openDir, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return a.clear(fd, p.real, keep)
}

// clear removes the entries of a directory, except for the paths that keep accepts, and descends
// into kept directories. A nil keep accepts none.
func (a *applier) clear(fd int, real string, keep func(string) bool) error {
	names, err := list(fd)
	if err != nil {
		return fmt.Errorf("read directory %s: %w", real, err)
	}
	if keep != nil && len(names) > 0 {
		if err := a.changing(fd, real); err != nil {
			return err
		}
	}
	for _, name := range names {
		p := place{fd, name, real, path.Join(real, name)}
		switch {
		case keep == nil:
			err = a.removeBelow(p)
		case keep(p.real):
			err = a.clearBelow(p, keep)
		default:
			err = a.remove(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeBelow removes a path in a directory that is itself about to be removed.
func (a *applier) removeBelow(p place) error {
	err := unix.Unlinkat(p.dir, p.name, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		if err = a.clearBelow(p, nil); err == nil {
			err = unix.Unlinkat(p.dir, p.name, unix.AT_REMOVEDIR)
		}
	}
	return err
}

// list returns the names in an open directory.
func list(dir int) ([]string, error) {
	fd, err := unix.Openat(dir, ".", openDir, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err == io.EOF {
		err = nil
	}
	return names, err
}
