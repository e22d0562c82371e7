package doctor

import (
	"context"

	"github.com/berth-oci/berth/backends"
)

// platform has nothing that is not the backend's.
func (d *Doctor) platform(context.Context) []backends.Finding { return nil }
