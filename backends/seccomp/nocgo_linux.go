//go:build !cgo

package seccomp

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Compile makes the filter that s asks for: nothing where s says nothing, else an error, as this build has no libseccomp.
func Compile(s *specs.LinuxSeccomp) (*Filter, error) {
	if empty(s) {
		return nil, nil
	}
	return nil, spec.Fieldf("linux.seccomp", "this build of berth has no libseccomp (it was built with CGO_ENABLED=0)")
}

// Passed names nothing: there are no filters.
func Passed(*specs.LinuxSeccomp) []error { return nil }

// LibraryVersion is "": there is no libseccomp.
func LibraryVersion() string { return "" }
