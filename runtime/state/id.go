package state

import (
	"errors"
	"fmt"
)

// ErrInvalidID is runc's word for an id that cannot name a container.
var ErrInvalidID = errors.New("invalid container ID format")

// maxID is what a directory name can hold (NAME_MAX).
const maxID = 255

// CheckID accepts what runc accepts as a container's id: letters, digits and
// _ + . -, but not "." nor "..", and no more than 255 of them.
func CheckID(id string) error {
	if id == "" {
		return fmt.Errorf("%w: it is empty", ErrInvalidID)
	}
	if len(id) > maxID {
		return fmt.Errorf("%w: it is %d characters long, %d are allowed", ErrInvalidID, len(id), maxID)
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
