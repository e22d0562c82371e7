package command

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail"
	"github.com/berth-oci/berth/runtime"
)

// makers returns the backends of this build.
func makers(*settings) []runtime.Maker {
	return []runtime.Maker{
		{Name: jail.Name, Make: func() (backends.Backend, error) { return jail.New(), keepDescriptors() }},
	}
}

func defaultBackend() string { return jail.Name }

func backendFeatures() *features.Features { return jail.Features() }

func diagnoseSockets() func() backends.Finding { return nil }
