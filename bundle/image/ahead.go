package image

import (
	"fmt"
	"hash"
	"io"
	"sync"
)

const (
	chunkSize = 256 << 10
	chunks    = 6
)

// ahead reads a stream in its own goroutine, a little ahead of its reader, and checks the stream's
// digest and size. If a check fails, the reader gets an error in place of io.EOF.
type ahead struct {
	full chan chunk
	free chan []byte
	stop chan struct{}
	once sync.Once
	now  chunk
	buf  []byte
}

type chunk struct {
	data []byte
	err  error
}

// check holds the digest and the size in bytes that a stream must have. An empty digest and a
// negative size are not checked.
type check struct {
	what   string
	digest Digest
	size   int64
	// count, if not nil, is called with the number of bytes of each read.
	count func(n int)
}

func readAhead(r io.Reader, c check) *ahead {
	a := &ahead{full: make(chan chunk, chunks), free: make(chan []byte, chunks), stop: make(chan struct{})}
	for range chunks {
		a.free <- make([]byte, chunkSize)
	}
	go a.run(r, c)
	return a
}

func (a *ahead) run(r io.Reader, c check) {
	var sum hash.Hash
	if c.digest != "" {
		sum = c.digest.hash()
	}
	var total int64
	for {
		var buf []byte
		select {
		case buf = <-a.free:
		case <-a.stop:
			return
		}
		n := 0
		var err error
		for n < len(buf) && err == nil {
			var m int
			m, err = r.Read(buf[n:])
			n += m
		}
		total += int64(n)
		if sum != nil {
			sum.Write(buf[:n])
		}
		if c.count != nil {
			c.count(n)
		}
		if err == io.EOF {
			err = c.verify(sum, total)
		} else if c.size >= 0 && total > c.size {
			err = fmt.Errorf("%s is longer than the %d bytes in its descriptor", c.what, c.size)
		}
		select {
		case a.full <- chunk{buf[:n], err}:
		case <-a.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// verify returns io.EOF if the digest and the size are right.
func (c *check) verify(sum hash.Hash, total int64) error {
	if c.size >= 0 && total != c.size {
		return fmt.Errorf("%s has the wrong size: it has %d bytes, but must have %d by its descriptor", c.what, total, c.size)
	}
	if sum != nil {
		if got, ok := c.digest.is(sum); !ok {
			return fmt.Errorf("%s has the wrong digest: it is %s, but must be %s", c.what, got, c.digest)
		}
	}
	return io.EOF
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.now.data) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.buf != nil {
			a.free <- a.buf[:cap(a.buf)]
		}
		select {
		case a.now = <-a.full:
		case <-a.stop:
			return 0, io.ErrClosedPipe
		}
		a.buf = a.now.data[:0:cap(a.now.data)]
	}
	n := copy(p, a.now.data)
	a.now.data = a.now.data[n:]
	return n, nil
}

// Close stops the goroutine at its next step. It does not wait for a read in progress.
func (a *ahead) Close() error {
	a.once.Do(func() { close(a.stop) })
	return nil
}
