// Package bundle reads an OCI bundle from disk (bundle.md of the runtime
// specification).
package bundle

import (
	"fmt"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Bundle is a directory with a valid config.json.
type Bundle struct {
	// Dir is absolute, Rootfs the absolute path of the root.
	Dir, Rootfs string
	Spec        *specs.Spec
	// Config are the bytes of config.json.
	Config []byte
	// Warnings are what is wrong in it, and no reason to refuse it.
	Warnings spec.Problems
}

// Load reads the bundle in dir. The error names every problem of config.json by
// its JSON path (a *spec.InvalidError).
func Load(dir string) (*Bundle, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	s, config, warnings, err := spec.Load(abs)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", abs, err)
	}
	b := newBundle(abs, s)
	b.Config, b.Warnings = config, warnings
	return b, nil
}

func newBundle(dir string, s *specs.Spec) *Bundle {
	b := &Bundle{Dir: dir, Spec: s}
	if s.Root != nil && s.Root.Path != "" {
		b.Rootfs = s.Root.Path
		if !filepath.IsAbs(b.Rootfs) {
			b.Rootfs = filepath.Join(dir, b.Rootfs)
		}
	}
	return b
}
