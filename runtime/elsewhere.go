package runtime

import (
	"errors"

	"github.com/berth-oci/berth/backends"
)

// Elsewhere knows the containers in a state directory that berth delegates to another OCI runtime.
// Their records are in the same directory, and their ids are taken for a Runtime, too. Package
// delegation implements it.
type Elsewhere interface {
	// Delegated is true if the record c says that another runtime has the container. The error wraps
	// state.ErrDamaged if berth cannot have written such a record.
	Delegated(c *backends.Container) (bool, error)
	// Holder returns the name of the backend whose runtime has a container of this id, or "" if
	// there is none. It looks at no record.
	Holder(id string) string
	// Clear removes the record of a container if it is all that is left of a delegated one.
	Clear(id string)
	// Recoverer removes a container whose record is damaged from each runtime that has it.
	backends.Recoverer
}

// ErrElsewhere is the error of a Runtime for a container that is not its own. Only a command that
// comes upon a container that another command has just replaced shows it.
var ErrElsewhere = errors.New("another runtime has it")
