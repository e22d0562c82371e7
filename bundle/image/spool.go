package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/berth-oci/berth/bundle/layer"
)

const nonblock = syscall.O_NONBLOCK

// seekable returns f itself if it is an uncompressed regular file. Otherwise it copies the
// uncompressed content to an unlinked temporary file and returns that. It fails if the content
// exceeds the limits.
func seekable(ctx context.Context, f *os.File, limits layer.Limits) (*os.File, error) {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.Mode().IsRegular() {
		head := make([]byte, headSize)
		n, err := f.ReadAt(head, 0)
		if err != nil && err != io.EOF {
			f.Close()
			return nil, err
		}
		if compressionOf(head[:n]) == none {
			return f, nil
		}
	}
	defer f.Close()
	r, err := Decompress(&interruptible{ctx, f})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	temporary, err := os.CreateTemp("", "berth-archive-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for the uncompressed archive: %w", err)
	}
	_ = os.Remove(temporary.Name())
	n, err := io.Copy(temporary, io.LimitReader(r, limits.Stream()))
	if err == nil && n == limits.Stream() {
		if more, _ := io.ReadFull(r, make([]byte, 1)); more > 0 {
			err = layer.StreamError(limits)
		}
	}
	if err != nil {
		temporary.Close()
		return nil, fmt.Errorf("uncompress the archive to a temporary file in %s: %w", os.TempDir(), err)
	}
	return temporary, nil
}

type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}
