package image

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

type compression int

const (
	none compression = iota
	gzipped
	zstandard
	bzipped
	xzipped
)

// headSize is the number of bytes that identify a stream's compression.
const headSize = 6

// compressionOf identifies the compression of a stream by its first bytes (RFC 1952, RFC 8878). A
// zstd stream may begin with a skippable frame.
func compressionOf(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}):
		return zstandard
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzipped
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return xzipped
	}
	return none
}

// maxWindow is the largest window of a zstd stream, in bytes, and so the memory that it takes. It
// is the default of zstd(1).
const maxWindow = 128 << 20

// Decompress reads a stream that is plain or compressed by gzip or zstd. The first bytes decide
// which. It fails for bzip2 and xz.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch compressionOf(head) {
	case gzipped:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("decompress gzip: %w", err)
		}
		return z, nil
	case zstandard:
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("decompress zstd: %w", err)
		}
		return z.IOReadCloser(), nil
	case bzipped, xzipped:
		return nil, fmt.Errorf("the data is compressed with bzip2 or xz: only gzip and zstd are supported")
	}
	return io.NopCloser(b), nil
}
