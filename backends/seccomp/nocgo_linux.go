//go:build !cgo

package seccomp

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Compile returns nil if s contains nothing, and otherwise an error, because this build has no
// libseccomp.
func Compile(s *specs.LinuxSeccomp) (*Filter, error) {
	if empty(s) {
		return nil, nil
	}
	return nil, spec.Fieldf("linux.seccomp", "this build of berth has no libseccomp (it was built with CGO_ENABLED=0)")
}

// Passed returns nil, because this build has no filters.
func Passed(*specs.LinuxSeccomp) []error { return nil }

// LibraryVersion returns "", because this build has no libseccomp.
func LibraryVersion() string { return "" }
