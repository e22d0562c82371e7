package bundle

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/bundle/layer"
)

// Source is the input of a bundle: an image, a tar archive of a root file system, or a directory
// with one.
type Source struct {
	// Image is nil for an archive or a directory.
	Image *image.Image
	file  *os.File // archive
	dir   string
}

// OpenSource opens the source that a text names: TRANSPORT:PATH[:NAME] as in image.ParseReference,
// a directory, an archive, or - for an archive on stdin. It fails if a directory turns out to be an
// image.
func OpenSource(ctx context.Context, text string, p image.Platform, limits layer.Limits) (*Source, error) {
	r, isImage, err := image.ParseReference(text)
	if err != nil {
		return nil, err
	}
	if isImage {
		i, err := image.Open(ctx, r, p, limits)
		if err != nil {
			return nil, err
		}
		return &Source{Image: i}, nil
	}
	if text == "-" {
		return &Source{file: os.Stdin}, nil
	}
	f, err := os.Open(text)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.IsDir() {
		f.Close()
		return &Source{dir: text}, notImage(text, text)
	}
	return &Source{file: f}, nil
}

// Close closes the image or archive.
func (s *Source) Close() error {
	switch {
	case s.Image != nil:
		return s.Image.Close()
	case s.file != nil:
		return s.file.Close()
	}
	return nil
}

// config returns the image's configuration, or nil if the source is not an image.
func (s *Source) config() *image.Config {
	if s.Image == nil {
		return nil
	}
	return &s.Image.Config
}

// Progress receives reports on the progress of unpacking. Its methods are called from several
// goroutines.
type Progress interface {
	// Layer begins a layer. number counts from 1 to of. size is the stored size of the layer in
	// bytes, or -1 if it is not known.
	Layer(name string, number, of int, size int64)
	// Read reports that n more bytes of the layer were read.
	Read(n int)
	// Done ends the layer. entries is the number of entries in it.
	Done(entries int64)
}

// Unpack writes the root file system into the empty directory dir and returns the total size of its
// files, in bytes.
func (s *Source) Unpack(ctx context.Context, dir string, o layer.Options, p Progress) (int64, error) {
	root, err := layer.NewRoot(dir, o)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	switch {
	case s.Image != nil:
		err = s.unpackImage(ctx, root, p)
	case s.file != nil:
		err = s.unpackArchive(ctx, root, dir, p)
	default:
		err = s.copyDirectory(ctx, root, p)
	}
	return root.Files(), err
}

func (s *Source) unpackImage(ctx context.Context, root *layer.Root, p Progress) error {
	for n := range s.Image.Layers {
		l := &s.Image.Layers[n]
		p.Layer(l.Name(), l.Number, len(s.Image.Layers), l.Size)
		before := root.Entries()
		stream, err := l.Open(p.Read)
		if err != nil {
			return &layer.Error{Layer: l.Name(), Err: err}
		}
		err = root.Apply(ctx, l.Name(), stream)
		stream.Close()
		if err != nil {
			return err
		}
		p.Done(root.Entries() - before)
	}
	return nil
}

func (s *Source) unpackArchive(ctx context.Context, root *layer.Root, dir string, p Progress) error {
	size := int64(-1)
	if info, err := s.file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	name := "archive " + s.file.Name()
	p.Layer(name, 1, 1, size)
	stream, err := image.OpenArchive(ctx, s.file, p.Read)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer stream.Close()
	if err := root.Apply(ctx, name, stream); err != nil {
		return err
	}
	if root.Entries() == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	if err := notImage(s.file.Name(), dir); err != nil {
		return err
	}
	p.Done(root.Entries())
	return nil
}

// copyDirectory packs the directory and unpacks the archive, so that only package layer creates
// files.
func (s *Source) copyDirectory(ctx context.Context, root *layer.Root, p Progress) error {
	name := "directory " + s.dir
	p.Layer(name, 1, 1, -1)
	r, w := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		w.CloseWithError(layer.Pack(ctx, s.dir, w))
	}()
	err := root.Apply(ctx, name, &counter{r, p.Read})
	r.CloseWithError(io.ErrClosedPipe)
	<-packed
	if err == nil {
		p.Done(root.Entries())
	}
	return err
}

type counter struct {
	io.Reader
	count func(n int)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count(n)
	return n, err
}
