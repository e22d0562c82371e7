//go:build unix

package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options holds the settings for Root.Apply.
type Options struct {
	Limits Limits
	// Devices creates device nodes. Without it, a layer with a device node is refused.
	Devices bool
}

// Root is a directory to which layers are applied, one over the other.
type Root struct {
	open
	options Options
	budget  budget
	layers  int
	buffer  []byte
}

// NewRoot opens an empty directory. Nobody else may be able to change the directory at the same
// time: Root does not protect against that.
func NewRoot(dir string, o Options) (*Root, error) {
	fd, err := unix.Open(dir, openDir, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &Root{open: open{root: fd}, options: o, budget: budget{limits: o.Limits}, buffer: make([]byte, copySize)}, nil
}

// Close closes the directory.
func (r *Root) Close() error {
	r.cut(0)
	return unix.Close(r.root)
}

// Files returns the total size of all files in the layers, in bytes. Entries returns the number of
// their entries.
func (r *Root) Files() int64   { return r.budget.total }
func (r *Root) Entries() int64 { return r.budget.count }

// applier applies one layer.
type applier struct {
	*Root
	// touched holds the paths that this layer has created or changed, and the directories above
	// them. It is nil for the first layer, which creates all paths itself.
	touched map[string]struct{}
	// times holds the modification times of directories whose entries change. They are set after
	// the last entry.
	times map[string]unix.Timespec
}

// Apply unpacks a layer, an uncompressed tar archive, over the layers before it. It reads the
// archive to the end, including everything after the last entry. The error is the cause of ctx if
// ctx ended, otherwise an *Error. After an error the directory must not be used.
func (r *Root) Apply(ctx context.Context, name string, archive io.Reader) error {
	a := &applier{Root: r, times: map[string]unix.Timespec{}}
	if r.layers > 0 {
		a.touched = map[string]struct{}{}
	}
	r.layers++
	source := &reader{ctx: ctx, r: archive, budget: &r.budget}
	entry, err := a.entries(tar.NewReader(source))
	if err == nil {
		// The digest also covers the padding and anything after the archive.
		_, err = io.CopyBuffer(io.Discard, onlyReader{source}, r.buffer)
	}
	if err == nil {
		err = a.setTimes()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case source.err != nil:
		// The error comes from the stream, not from the content of the archive.
		return &Error{Layer: name, Entry: entry, Err: source.err}
	case errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrFieldTooLong):
		return &Error{Layer: name, Entry: entry, Err: fmt.Errorf("damaged or truncated: %w", err)}
	}
	return &Error{Layer: name, Entry: entry, Err: err}
}

// entries applies all entries. If one fails, it returns the name of that entry with the error.
func (a *applier) entries(archive *tar.Reader) (string, error) {
	last := ""
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return "", nil
		}
		if err != nil {
			if last != "" {
				err = fmt.Errorf("in this entry or after it: %w", err)
			}
			return last, err
		}
		last = h.Name
		if err := a.budget.entry(); err != nil {
			return last, err
		}
		if err := a.entry(h, archive); err != nil {
			return last, err
		}
	}
}

// ours reports whether this layer created or changed a path.
func (a *applier) ours(real string) bool {
	if a.touched == nil {
		return true
	}
	_, ok := a.touched[real]
	return ok
}

func (a *applier) touch(real string) {
	if a.touched == nil {
		return
	}
	for real != "." {
		if _, known := a.touched[real]; known {
			return
		}
		a.touched[real] = struct{}{}
		i := strings.LastIndexByte(real, '/')
		if i < 0 {
			return
		}
		real = real[:i]
	}
}

// changing records the modification time of a directory before its entries change.
func (a *applier) changing(fd int, real string) error {
	if _, known := a.times[real]; known {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat directory %s: %w", real, err)
	}
	a.times[real] = st.Mtim
	return nil
}

// setTimes sets the recorded modification times of directories.
func (a *applier) setTimes() error {
	paths := make([]string, 0, len(a.times))
	for real := range a.times {
		paths = append(paths, real)
	}
	slices.Sort(paths)
	for _, real := range paths {
		fd, ok := a.reach(real)
		if !ok {
			continue // removed again by this layer
		}
		mtime := a.times[real]
		if err := setDirTime(fd, mtime); err != nil {
			return fmt.Errorf("set the time of directory %s: %w", real, err)
		}
	}
	return nil
}

// reach opens a directory by a path that has no symbolic links. It returns false if the directory
// does not exist.
func (a *applier) reach(real string) (int, bool) {
	depth := 0
	for _, part := range parts(real) {
		if a.child(depth, part) != nil {
			return 0, false
		}
		depth++
	}
	return a.fd(depth), true
}

// reader fails when its context ends or the archive exceeds its limit. It remembers the error of
// the stream.
type reader struct {
	ctx    context.Context
	r      io.Reader
	budget *budget
	err    error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if large := r.budget.stream(n); large != nil {
		n, err = 0, large
	}
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

type onlyReader struct{ io.Reader }

func timespec(t time.Time) unix.Timespec {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	ts, err := unix.TimeToTimespec(t)
	if err != nil { // outside the range of the kernel's time
		return unix.Timespec{}
	}
	return ts
}

var errNotRoot = errors.New("only root can give files to other users: run berth as root")

func ownerError(err error) error {
	if errors.Is(err, os.ErrPermission) && os.Geteuid() != 0 {
		return errNotRoot
	}
	return err
}
