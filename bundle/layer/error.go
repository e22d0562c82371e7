package layer

import (
	"errors"
	"fmt"
)

// Error is why a layer is refused or could not be unpacked.
type Error struct {
	// Layer is the layer's name as the caller knows it, Entry the name in the
	// archive as it stands there; empty where the archive as a whole is meant.
	Layer, Entry string
	Err          error
}

func (e *Error) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("%s: %v", e.Layer, e.Err)
	}
	return fmt.Sprintf("%s: entry %q: %v", e.Layer, e.Entry, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrHostile is in the chain of errors for an entry that no image has that means
// well: one that names a place outside of the root.
var ErrHostile = errors.New("refused")

func hostile(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHostile, fmt.Sprintf(format, args...))
}
