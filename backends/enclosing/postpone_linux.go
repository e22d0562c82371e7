package enclosing

import (
	"encoding/json"
	"fmt"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/resctrl"
)

// Renaming is an Enclosure whose name another container of the same id does not get as
// long as it is there.
type Renaming interface {
	// OwnCgroup says whether a cgroup bears the enclosure's name.
	OwnCgroup(d *Data) bool
}

var _ backends.Postponing = Backend{}

// Postpone leaves the enclosure alone to a later Delete: the rest of the container has
// gone, or could be another one's.
func (b Backend) Postpone(c *backends.Container) error {
	r, ok := b.Enclosure.(Renaming)
	if !ok {
		return fmt.Errorf("what is left of container %q has the name that another one of this id would have", c.ID)
	}
	if c.Process.Alive() {
		return fmt.Errorf("process %d of container %q still runs", c.Process.Pid, c.ID)
	}
	d, err := data(c)
	if err != nil {
		return err
	}
	if !r.OwnCgroup(d) {
		d.LimitsID, d.Claimed = noID, false
	}
	d.Attachment, d.MountNamespace, d.Resctrl = nil, nil, resctrl.Group{}
	c.Data, err = json.Marshal(d)
	return err
}
