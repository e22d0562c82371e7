package runtime

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
)

// Administer hands a container over to the administration tool of its backend,
// which replaces this process.
func (r *Runtime) Administer(id string, words []string) error {
	c, b, err := r.find(id)
	if err != nil {
		return err
	}
	a, ok := b.(backends.Administered)
	if !ok {
		return fmt.Errorf("container %q is not one of Proxmox VE's: its backend is %s", id, c.Backend)
	}
	return a.Administer(c, words)
}
