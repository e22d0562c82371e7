package command

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/backends/pct"
)

// available are the backends of this build.
func available() []backends.Backend {
	return []backends.Backend{lxc.New(), pct.New(pct.Settings{})}
}

// defaultBackend is the best one that the host has.
func defaultBackend() string {
	if pct.OnProxmox() {
		return "pct"
	}
	return "lxc"
}

// backendFeatures are those of the backends that berth implements itself.
func backendFeatures() *features.Features { return enclosing.Features() }
