package enclosing

import (
	"context"

	"github.com/berth-oci/berth/backends"
)

// Diagnose asks the enclosure, if it has something to check.
func (b Backend) Diagnose(ctx context.Context) []backends.Finding {
	if e, ok := b.Tool.(backends.Diagnoser); ok {
		return e.Diagnose(ctx)
	}
	return nil
}
