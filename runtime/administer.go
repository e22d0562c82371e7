package runtime

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
)

// Administer runs the backend's administration tool (pct) on a container; words are the tool's
// subcommand and arguments. The tool replaces this process, so Administer returns only with an
// error: the container's backend has no such tool, the subcommand would break the container, or the
// tool cannot be run.
func (r *Runtime) Administer(c *backends.Container, words []string) error {
	b, err := r.recall(c)
	if err != nil {
		return err
	}
	a, ok := b.(backends.Administered)
	if !ok {
		return NotAdministered(c)
	}
	return a.Administer(c, words)
}

// NotAdministered is the error for a container that has no administration tool.
func NotAdministered(c *backends.Container) error {
	return fmt.Errorf("container %q is not a CT of Proxmox VE: its backend is %s", c.ID, c.Backend)
}
