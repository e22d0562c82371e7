package enclosing

import (
	"context"

	"github.com/berth-oci/berth/backends"
)

// Examine asks the enclosure, if it has anything to look at.
func (b Backend) Examine(ctx context.Context) []backends.Finding {
	if e, ok := b.Enclosure.(backends.Examined); ok {
		return e.Examine(ctx)
	}
	return nil
}
