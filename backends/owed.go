package backends

import "time"

// RecordFile is the name of the record in a container's directory. OwedDir is a directory in the
// state directory that no container can have as its id. Each directory below OwedDir also holds a
// record, which was set aside.
const (
	RecordFile = "state.json"
	OwedDir    = "@owed"
)

// Owed says that a delete has begun and is not finished. A later command finishes it.
type Owed struct {
	Since time.Time `json:"since"`
	// Why is the delete's error. It is empty while the delete is running, or if the delete was
	// killed.
	Why string `json:"why,omitempty"`
}

// Postponing is a Backend that can leave the remains of a container to a later Delete, even if a
// new container gets the same id.
type Postponing interface {
	// Postpone removes from c.Data everything that the new container may have under the same name.
	// The error says why that is impossible, for example because a process of the old container
	// still runs.
	Postpone(c *Container) error
}
