package runtime

import (
	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/spec"
)

// Validate returns every problem that the bundle in dir has under the OCI spec for a platform, and
// with a backend also what that backend cannot honour on this host. It applies the rules of Create.
// It fails only if the bundle cannot be read at all.
func Validate(dir, platform string, b backends.Backend) (*bundle.Bundle, spec.Problems, error) {
	bun, problems, err := bundle.Validate(dir, platform)
	if err != nil || bun == nil || b == nil {
		return bun, problems, err
	}
	// Backends check only valid configs. With an invalid one they would repeat problems.
	if problems.Err() == nil {
		problems = append(problems, check(b, bun.Spec)...)
	}
	if f, ok := b.(backends.Preflighter); ok && problems.Err() == nil {
		problems = append(problems, f.Preflight(bun.Spec)...)
	}
	return bun, problems, nil
}
