package runtime

import (
	"fmt"

	"github.com/berth-oci/berth/backends"
)

// Administer runs the backend's administration tool (pct) on a container; words are the tool's
// subcommand and arguments. The tool replaces this process, so Administer returns only with an
// error: there is no such container, its backend has no such tool, the subcommand would break the
// container, or the tool cannot be run.
func (r *Runtime) Administer(id string, words []string) error {
	c, b, err := r.find(id)
	if err != nil {
		return err
	}
	a, ok := b.(backends.Administered)
	if !ok {
		return fmt.Errorf("container %q is not a CT of Proxmox VE: its backend is %s", id, c.Backend)
	}
	return a.Administer(c, words)
}
