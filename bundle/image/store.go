package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/berth-oci/berth/bundle/layer"
)

// store is a directory of files, or an archive that holds one.
type store interface {
	// Open opens a file and returns its size in bytes.
	Open(name string) (io.ReadCloser, int64, error)
	io.Closer
}

// directory is a store on disk. No file name in it leads out of the directory.
type directory struct{ root *os.Root }

func openDirectory(dir string) (store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return directory{root}, nil
}

func (d directory) Close() error { return d.root.Close() }

func (d directory) Open(name string) (io.ReadCloser, int64, error) {
	// O_NONBLOCK, because opening a FIFO would block.
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// archive is a store in an uncompressed tar file.
type archive struct {
	file  *os.File
	files map[string]extent
}

// extent is the position of a file in the archive, or the name of the file to which it links.
type extent struct {
	offset, size int64
	link         string
}

func (a *archive) Close() error { return a.file.Close() }

func (a *archive) Open(name string) (io.ReadCloser, int64, error) {
	at := path.Clean("/" + name)
	for range 10 {
		e, ok := a.files[at]
		switch {
		case !ok:
			return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case e.link == "":
			return io.NopCloser(io.NewSectionReader(a.file, e.offset, e.size)), e.size, nil
		}
		at = e.link
	}
	return nil, 0, fmt.Errorf("%s: too many links", name)
}

// openArchive indexes the files of a tar archive. A compressed archive is first uncompressed to an
// unlinked temporary file.
func openArchive(ctx context.Context, file string, limits layer.Limits) (store, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory, not an archive", file)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if f, err = seekable(ctx, f, limits); err != nil {
		return nil, err
	}
	a := &archive{file: f, files: map[string]extent{}}
	if err := a.index(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

// maxFiles is the largest number of entries in an archive. An image has a few for each layer.
const maxFiles = 100_000

func (a *archive) index(ctx context.Context) error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := tar.NewReader(a.file)
	for n := 0; ; n++ {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the archive is truncated: %w", err)
		case err != nil:
			return fmt.Errorf("not a tar archive: %w", err)
		case n >= maxFiles:
			return fmt.Errorf("the archive has more than %d files", maxFiles)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		name := path.Clean("/" + h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			// The tar reader has read exactly up to the file's content.
			offset, err := a.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			if !sparse(h) {
				a.files[name] = extent{offset: offset, size: h.Size}
			}
		case tar.TypeSymlink: // older versions of Docker link equal layers
			a.files[name] = extent{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			a.files[name] = extent{link: path.Clean("/" + h.Linkname)}
		}
	}
}

func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}
