package doctor

import (
	"context"

	"github.com/berth-oci/berth/backends"
)

// platform finds nothing, because the jail backend checks the platform itself.
func (d *Doctor) platform(context.Context) []backends.Finding { return nil }
