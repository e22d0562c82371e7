//go:build unix

package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

const (
	// copySize is the size of the buffer for copying a file, in bytes.
	copySize = 256 << 10
	// holeSize is the smallest hole that is kept in a file: a page.
	holeSize = 4 << 10
)

// file writes a regular file.
func (a *applier) file(p place, h *tar.Header, data io.Reader) error {
	if err := a.budget.file(h.Size); err != nil {
		return err
	}
	fd := -1
	err := a.replacing(p, func() (err error) {
		fd, err = unix.Openat(p.dir, p.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	err = a.fill(fd, h, data)
	if err == nil {
		err = setXattrs(p, fd, xattrs(h), false)
	}
	if err == nil {
		err = setTime(p, h)
	}
	return errors.Join(err, unix.Close(fd))
}

// fill writes the content, sets the owner, and then the mode. Setting the owner clears the
// set-user-ID bit and capabilities (chown(2)).
func (a *applier) fill(fd int, h *tar.Header, data io.Reader) error {
	if err := a.content(fd, data, h.Size); err != nil {
		return err
	}
	if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
		return fmt.Errorf("set owner: %w", ownerError(err))
	}
	if err := unix.Fchmod(fd, mode(h)); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return nil
}

// content writes data and skips pages of zeros, so that they become holes. The archive may store
// them as holes or as zeros.
func (a *applier) content(fd int, data io.Reader, size int64) error {
	var offset int64
	hole := false
	for offset < size {
		chunk := a.buffer[:min(int64(len(a.buffer)), size-offset)]
		n, err := io.ReadFull(data, chunk)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		chunk = chunk[:n]
		for len(chunk) > 0 {
			length, zeros := run(chunk)
			if hole = zeros; !zeros {
				if err := writeAt(fd, chunk[:length], offset); err != nil {
					return fmt.Errorf("write file: %w", err)
				}
			}
			chunk = chunk[length:]
			offset += int64(length)
		}
	}
	if hole {
		if err := unix.Ftruncate(fd, size); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
	}
	return nil
}

// run returns the length of the run at the beginning of b. If zeros is true, the run consists of
// whole pages of zeros, otherwise it has none.
func run(b []byte) (length int, zeros bool) {
	zeros = zero(b)
	for length < len(b) {
		if zero(b[length:]) != zeros {
			return length, zeros
		}
		length = min(length+holeSize, len(b))
	}
	return length, zeros
}

// zero reports whether b begins with a page of zeros.
func zero(b []byte) bool {
	if len(b) < holeSize || b[0] != 0 {
		return false
	}
	return [holeSize]byte(b[:holeSize]) == [holeSize]byte{}
}

func writeAt(fd int, b []byte, offset int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, offset)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}
