package doctor

import (
	"context"

	"github.com/berth-oci/berth/backends"
)

// leftovers are for the backend to find.
func (d *Doctor) leftovers(context.Context, *inventory) []backends.Finding { return nil }
