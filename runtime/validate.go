package runtime

import (
	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/spec"
)

// Validate finds every problem that the bundle in dir has by the specification
// for a platform, and with a backend what that cannot honour, on this host. It applies the
// rules of Create. The error is for a bundle that cannot be read at all.
func Validate(dir, platform string, b backends.Backend) (*bundle.Bundle, spec.Problems, error) {
	bun, problems, err := bundle.Validate(dir, platform)
	if err != nil || bun == nil || b == nil {
		return bun, problems, err
	}
	// A backend is asked about valid configs only; what it says of the rest
	// would be said twice.
	if problems.Err() == nil {
		problems = append(problems, check(b, bun.Spec)...)
	}
	if f, ok := b.(backends.Preflighter); ok && problems.Err() == nil {
		problems = append(problems, f.Preflight(bun.Spec)...)
	}
	return bun, problems, nil
}
