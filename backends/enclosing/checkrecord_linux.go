package enclosing

import (
	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

var _ backends.RecordChecker = Backend{}

// CheckRecord refuses a record that Create cannot have written.
func (b Backend) CheckRecord(c *backends.Container) error {
	d, err := enclosure.DataOf(c)
	if err != nil {
		return err
	}
	return d.Check(c, b.Name(), func(name string) bool {
		n, ok := b.Tool.(enclosure.Naming)
		return !ok || n.Named(c, name)
	})
}
