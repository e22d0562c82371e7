package layer

import (
	"errors"
	"fmt"
)

// Error is the reason why a layer is refused or could not be unpacked.
type Error struct {
	// Layer is the layer's name as the caller gave it. Entry is the name in the archive, unchanged.
	// It is empty if the error concerns the whole archive.
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

// ErrHostile is wrapped by errors about entries that no well-meant image has, such as one that
// names a path outside the root.
var ErrHostile = errors.New("refused")

func hostile(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHostile, fmt.Sprintf(format, args...))
}
