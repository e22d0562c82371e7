// Package enclosing implements the life of a container in an enclosure that another tool makes,
// such as an LXC container. The container's first process is berth's own child, the init process.
// It enters the enclosure and then execs the user's program. The differences between the tools are
// behind the interface enclosure.Tool.
package enclosing

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/spec"
)

// Backend implements backends.Backend over a tool that makes enclosures.
type Backend struct{ enclosure.Tool }

var _ backends.Backend = Backend{}

// New returns the backend for a tool that makes enclosures.
func New(t enclosure.Tool) backends.Backend { return Backend{t} }

// Check returns the problems of the enclosure and of the init process.
func (b Backend) Check(s *specs.Spec) spec.Problems {
	return append(b.Tool.Check(s), checkInit(s)...)
}

// DiagnoseSockets reports whether containers can be kept from LXC's command sockets on this host.
func DiagnoseSockets() backends.Finding { return guard.Diagnose() }
