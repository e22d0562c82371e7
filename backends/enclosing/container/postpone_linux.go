package container

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// Postpone leaves only the enclosure to a later Delete. The rest of the container is gone, or could
// belong to another container.
func Postpone(t enclosure.Tool, c *backends.Container) error {
	r, ok := t.(enclosure.Renaming)
	if !ok {
		return fmt.Errorf("the remains of container %q have the name that a new container with this id would have", c.ID)
	}
	if c.Process.Alive() {
		return fmt.Errorf("process %d of container %q still runs", c.Process.Pid, c.ID)
	}
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	d.Disown(!r.OwnCgroup(d))
	return d.PutInto(c)
}
