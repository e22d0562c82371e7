package image

import (
	"context"
	"io"
)

// OpenArchive reads a single archive, compressed or not. Reading ends when ctx does, even if a read
// is blocked, as on a pipe. count is called from another goroutine with the number of stored bytes
// of each read.
func OpenArchive(ctx context.Context, r io.Reader, count func(n int)) (io.ReadCloser, error) {
	stored := readAhead(r, check{size: -1, count: count})
	closers := []io.Closer{stored}
	stop := context.AfterFunc(ctx, func() { stored.Close() })
	closers = append(closers, closerFunc(stop))
	plain, err := Decompress(stored)
	if err != nil {
		stop()
		stored.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	a := readAhead(plain, check{size: -1})
	return &stream{a, append(closers, a)}, nil
}

type closerFunc func() bool

func (f closerFunc) Close() error {
	f()
	return nil
}
