package layer

import (
	"errors"
	"fmt"
	"math"
)

// Limits bound what an image can take up. Holes of sparse files count as if they
// were data.
type Limits struct {
	// File is the largest size of one file, Total of all files together, in
	// bytes; Entries is the largest number of entries in all layers.
	File, Total, Entries int64
}

// Stream is how much of archives is read, in bytes, after it was uncompressed:
// what may be the files' with an eighth for the archives' own headers and padding.
// It is all that they hold: what whiteouts carry and what is behind an archive's end, too.
func (l Limits) Stream() int64 {
	if l.Total > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return l.Total + l.Total/8 + 1<<20
}

// DefaultLimits are wide enough for every image that is used as one.
var DefaultLimits = Limits{File: 8 << 30, Total: 64 << 30, Entries: 10_000_000}

// ErrTooLarge is in the chain of errors for what is beyond the limits.
var ErrTooLarge = errors.New("too large")

// budget is what is left of the limits.
type budget struct {
	limits Limits
	total  int64
	count  int64
	read   int64
}

// stream takes bytes of an uncompressed archive from the budget.
func (b *budget) stream(n int) error {
	if b.read += int64(n); b.read > b.limits.Stream() {
		return StreamError(b.limits)
	}
	return nil
}

// StreamError says that archives hold more than Limits.Stream.
func StreamError(l Limits) error {
	return fmt.Errorf("%w: uncompressed, what was read has more than %s, where all files may have %s", ErrTooLarge, Bytes(l.Stream()), Bytes(l.Total))
}

// file takes a file of the given size from the budget.
func (b *budget) file(size int64) error {
	if size > b.limits.File {
		return fmt.Errorf("%w: the file has %s, a file may have %s", ErrTooLarge, Bytes(size), Bytes(b.limits.File))
	}
	if b.total += size; b.total > b.limits.Total {
		return fmt.Errorf("%w: with this file there are %s, all files may have %s", ErrTooLarge, Bytes(b.total), Bytes(b.limits.Total))
	}
	return nil
}

func (b *budget) entry() error {
	if b.count++; b.count > b.limits.Entries {
		return fmt.Errorf("%w: the layers hold more than %d entries", ErrTooLarge, b.limits.Entries)
	}
	return nil
}

// Bytes writes a number of bytes for people, in binary units.
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
