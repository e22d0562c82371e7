package command

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/jail"
	"github.com/berth-oci/berth/runtime"
)

// makers returns berth's own backends of this build.
func makers(*settings) []runtime.Maker {
	return []runtime.Maker{
		{Name: jail.Name, Make: func() (backends.Backend, error) { return jail.New(), keepDescriptors() }},
	}
}

// This build delegates no containers.
var delegateNames []string

func delegates(*settings) []*crun.Backend { return nil }

func defaultBackend() string { return jail.Name }

func backendFeatures() *features.Features { return jail.Features() }

func diagnoseSockets() func() backends.Finding { return nil }
