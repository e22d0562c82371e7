package command

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/runtime"
)

// makers are the backends of this build.
func makers(*settings) []runtime.Maker { return nil }

func defaultBackend() string { return "jail" }

func backendFeatures() *features.Features { return &features.Features{} }
