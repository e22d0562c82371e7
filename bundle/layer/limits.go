package layer

import (
	"errors"
	"fmt"
	"math"
)

// Limits bounds the size of an unpacked image. Holes of sparse files count as data.
type Limits struct {
	// File is the largest size of one file and Total that of all files together, in bytes. Entries
	// is the largest number of entries in all layers.
	File, Total, Entries int64
}

// Stream returns the largest size of the uncompressed archives together, in bytes: Total, an eighth
// more for headers and padding, and 1 MiB. It counts everything in the archives, also the content
// of whiteouts and anything after the end of an archive.
func (l Limits) Stream() int64 {
	if l.Total > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return l.Total + l.Total/8 + 1<<20
}

// DefaultLimits is large enough for every image in practical use.
var DefaultLimits = Limits{File: 8 << 30, Total: 64 << 30, Entries: 10_000_000}

// ErrTooLarge is wrapped by errors about content that exceeds the limits.
var ErrTooLarge = errors.New("too large")

// budget counts what the layers have used of the limits.
type budget struct {
	limits Limits
	total  int64
	count  int64
	read   int64
}

// stream counts n bytes of an uncompressed archive.
func (b *budget) stream(n int) error {
	if b.read += int64(n); b.read > b.limits.Stream() {
		return StreamError(b.limits)
	}
	return nil
}

// StreamError returns the error for archives that hold more than Limits.Stream.
func StreamError(l Limits) error {
	return fmt.Errorf("%w: the uncompressed archives exceed %s: the limit for all files is %s", ErrTooLarge, Bytes(l.Stream()), Bytes(l.Total))
}

// file counts a file of the given size.
func (b *budget) file(size int64) error {
	if size > b.limits.File {
		return fmt.Errorf("%w: the file has %s: the limit for one file is %s", ErrTooLarge, Bytes(size), Bytes(b.limits.File))
	}
	if b.total += size; b.total > b.limits.Total {
		return fmt.Errorf("%w: with this file all files have %s: the limit is %s", ErrTooLarge, Bytes(b.total), Bytes(b.limits.Total))
	}
	return nil
}

func (b *budget) entry() error {
	if b.count++; b.count > b.limits.Entries {
		return fmt.Errorf("%w: the layers have more than %d entries", ErrTooLarge, b.limits.Entries)
	}
	return nil
}

// Bytes formats a number of bytes in binary units for people to read.
func Bytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/(1<<10), "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < 1<<10 {
			break
		}
		value, unit = value/(1<<10), next
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
