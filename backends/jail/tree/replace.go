package tree

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Replaced describes a file in a root that is replaced by a copy of another file. Kernels whose
// nullfs mounts only directories (before FreeBSD 14) need this.
type Replaced struct {
	// Dir is the path of its directory as a list of names and Name is its own name. Saved is the
	// name under which the original file is kept, "" if there was none.
	Dir   []string `json:"dir,omitempty"`
	Name  string   `json:"name"`
	Saved string   `json:"saved,omitempty"`
}

// Plan returns how the file at a place would be replaced. token makes the name of the saved
// original unique.
func Plan(p *Place, token string) (*Replaced, error) {
	if p.Dir && len(p.Missing) == 0 || len(p.Missing) > 1 {
		return nil, errors.New("the mount point of a file must be a file in an existing directory")
	}
	if len(p.Missing) == 1 {
		return &Replaced{Dir: p.Found, Name: p.Missing[0]}, nil
	}
	n := len(p.Found) - 1
	return &Replaced{Dir: p.Found[:n], Name: p.Found[n], Saved: ".berth-" + token + "-" + p.Found[n]}, nil
}

// Replace saves the original file, if there is one, and puts a copy of the host's file source in
// its place. source must be a regular file.
func (r *Root) Replace(f *Replaced, source string) error {
	dir, err := r.parent(f.Dir)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	from, err := os.OpenFile(source, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s: only regular files can be copied: %w", source, errors.Join(err, unix.EINVAL))
	}
	if f.Saved != "" {
		if err := unix.Renameat(dir, f.Name, dir, f.Saved); err != nil {
			return &os.PathError{Op: "rename", Path: f.Name, Err: err}
		}
	}
	to, err := openAt(dir, f.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return &os.PathError{Op: "make", Path: f.Name, Err: err}
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return like(to, &st)
}

// Restore undoes Replace, even a partial one. It can be repeated. If the container has removed the
// directory, Restore does nothing.
func (r *Root) Restore(f *Replaced) error {
	dir, err := r.parent(f.Dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if f.Saved != "" {
		err := unix.Renameat(dir, f.Saved, dir, f.Name)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return &os.PathError{Op: "restore", Path: f.Name, Err: err}
		}
		return nil
	}
	if err := unix.Unlinkat(dir, f.Name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "remove", Path: f.Name, Err: err}
	}
	return nil
}

// gone returns true if a directory does not exist or something else is in its place: a file, or a
// symbolic link, where the error for O_NOFOLLOW differs between the systems.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK)
}
