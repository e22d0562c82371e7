package tree

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Make creates the missing part of a place: directories, and if file is true an empty file as the
// last name. The place must come from Resolve, of this root or of another view of it that has
// mounts on it.
func (r *Root) Make(p *Place, file bool) error {
	dir, err := r.parent(p.Found)
	if err != nil {
		return err
	}
	defer func() { unix.Close(dir) }()
	for i, name := range p.Missing {
		last := i == len(p.Missing)-1
		if last && file {
			fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
			if err != nil {
				return r.failed("make", p, i, err)
			}
			return unix.Close(fd)
		}
		if err := unix.Mkdirat(dir, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return r.failed("mkdir", p, i, err)
		}
		next, err := unix.Openat(dir, name, openDir, 0)
		if err != nil {
			return r.failed("open", p, i, err)
		}
		unix.Close(dir)
		dir = next
	}
	return nil
}

func (r *Root) failed(op string, p *Place, i int, err error) error {
	return &os.PathError{Op: op, Path: path.Join(r.Path, path.Join(p.Found...), path.Join(p.Missing[:i+1]...)), Err: err}
}

// parent opens the directory with the path names, without following links.
func (r *Root) parent(names []string) (int, error) {
	dir, err := unix.Openat(r.fd, ".", openDir, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: r.Path, Err: err}
	}
	for i, name := range names {
		next, err := unix.Openat(dir, name, openDir, 0)
		unix.Close(dir)
		if err != nil {
			return -1, fmt.Errorf("the target of a mount was changed meanwhile: %w",
				&os.PathError{Op: "open", Path: path.Join(r.Path, path.Join(names[:i+1]...)), Err: err})
		}
		dir = next
	}
	return dir, nil
}

// OpenDir opens the directory at p.Found.
func (r *Root) OpenDir(p *Place) (*os.File, error) {
	fd, err := r.parent(p.Found)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), p.Host(r)), nil
}
