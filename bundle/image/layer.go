package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Layer is one layer of an image.
type Layer struct {
	// Number is the position of the layer. The lowest layer is 1.
	Number int
	// Digest is the digest of the stored layer. It is empty in an archive from docker save, which
	// has none. DiffID is the digest of the uncompressed layer.
	Digest, DiffID Digest
	// Size is the stored size, in bytes.
	Size int64

	store store
	file  string
}

// Name describes the layer by its number and digest.
func (l *Layer) Name() string {
	d := l.Digest
	if d == "" {
		d = l.DiffID
	}
	return fmt.Sprintf("layer %d (%s)", l.Number, d)
}

// Open returns the uncompressed layer. The digests and the size are checked during reading: if one
// is wrong, the reader gets an error in place of io.EOF. count is called from another goroutine
// with the number of stored bytes of each read.
func (l *Layer) Open(count func(n int)) (io.ReadCloser, error) {
	f, size, err := l.store.Open(l.file)
	if err != nil {
		return nil, err
	}
	if l.Digest != "" && size != l.Size {
		f.Close()
		return nil, fmt.Errorf("the file has %d bytes, but must have %d by its descriptor", size, l.Size)
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		f.Close()
		return nil, err
	}
	stored := io.MultiReader(bytes.NewReader(head[:n]), f)
	if compressionOf(head[:n]) == none {
		if l.Digest != "" && l.Digest != l.DiffID {
			f.Close()
			return nil, fmt.Errorf("the layer is not compressed, so its digest %s must equal that in the configuration, %s", l.Digest, l.DiffID)
		}
		a := readAhead(stored, check{what: "the layer", digest: l.DiffID, size: l.Size, count: count})
		return &stream{a, []io.Closer{a, f}}, nil
	}
	compressed := readAhead(stored, check{what: "the compressed layer", digest: l.Digest, size: l.Size, count: count})
	plain, err := Decompress(compressed)
	if err != nil {
		compressed.Close()
		f.Close()
		return nil, err
	}
	// The decompressor stops at the end of its stream, but the digest covers the whole file.
	whole := io.MultiReader(plain, &drain{compressed})
	a := readAhead(whole, check{what: "the uncompressed layer", digest: l.DiffID, size: -1})
	return &stream{a, []io.Closer{a, compressed, f}}, nil
}

// stream reads from one reader and closes several.
type stream struct {
	io.Reader
	closers []io.Closer
}

func (s *stream) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// drain reads a stream to its end, so that its checks run, and yields no data.
type drain struct{ r io.Reader }

func (d *drain) Read([]byte) (int, error) {
	if _, err := io.Copy(io.Discard, d.r); err != nil {
		return 0, err
	}
	return 0, io.EOF
}
