package image

import (
	"context"
	"io"
)

// OpenArchive reads an archive that stands alone, compressed or not. A read that
// is under way, as from a pipe, does not outlast ctx. count is called, in another
// goroutine, with the number of stored bytes read.
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
