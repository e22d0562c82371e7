package enclosing

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// Administer passes the command to the enclosure.
func (b Backend) Administer(c *backends.Container, words []string) error {
	a, ok := b.Tool.(enclosure.Administrator)
	if !ok {
		return fmt.Errorf("container %q is not one of Proxmox VE's: its backend is %s", c.ID, c.Backend)
	}
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	if d.Name == "" {
		return fmt.Errorf("container %q has no CT yet", c.ID)
	}
	return a.Administer(d.Name, words)
}
