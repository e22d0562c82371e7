package backends

import "time"

// Where records are: RecordFile in each container's directory of a state directory, and in
// each directory below OwedDir there, which no container can be called.
const (
	RecordFile = "state.json"
	OwedDir    = "@owed"
)

// Owed is what a delete has begun and could not finish: a later command does.
type Owed struct {
	Since time.Time `json:"since"`
	// Why is the error; empty while a delete is at it, and if that was killed.
	Why string `json:"why,omitempty"`
}

// Postponing is a Backend that can leave what it could not remove of a container to a
// later Delete, although another container gets that container's id.
type Postponing interface {
	// Postpone forgets, in c.Data, all that the other container may have under the same
	// name. The error says why that is not possible, as while a process runs.
	Postpone(c *Container) error
}
