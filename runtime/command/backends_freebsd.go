package command

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends"
)

// available are the backends of this build.
func available() []backends.Backend { return nil }

func defaultBackend() string { return "jail" }

func backendFeatures() *features.Features { return &features.Features{} }
