package state

import (
	"errors"
	"fmt"
)

// ErrInvalidID is the error for an id that cannot name a container, in runc's words.
var ErrInvalidID = errors.New("invalid container ID format")

// maxID is the longest name that a directory can have, in bytes (NAME_MAX).
const maxID = 255

// CheckID accepts the container ids that runc accepts: 1 to 255 letters, digits and _ + . -, but
// not "." or "..". The error wraps ErrInvalidID.
func CheckID(id string) error {
	if id == "" {
		return fmt.Errorf("%w: the ID is empty", ErrInvalidID)
	}
	if len(id) > maxID {
		return fmt.Errorf("%w: the ID has %d characters, at most %d are allowed", ErrInvalidID, len(id), maxID)
	}
	if id == "." || id == ".." {
		return fmt.Errorf("%w: %q", ErrInvalidID, id)
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '_', c == '+', c == '.', c == '-':
		default:
			return fmt.Errorf("%w: %q: only letters, digits and _ + . - are allowed", ErrInvalidID, id)
		}
	}
	return nil
}
