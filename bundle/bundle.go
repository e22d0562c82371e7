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
	// Dir is absolute, Rootfs the absolute path of the root. Symbolic links in both
	// are resolved, and the Spec's root.path is Rootfs: what is looked up again later
	// is what was looked up here.
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
	abs, err := locate(dir)
	if err != nil {
		return nil, err
	}
	s, config, warnings, err := spec.Load(abs)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", abs, err)
	}
	b := newBundle(abs, s)
	b.Config, b.Warnings = config, warnings
	return b, nil
}

// locate is the absolute path of a bundle, without symbolic links if it is there.
func locate(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("bundle %q: %w", dir, err)
	}
	return resolved(abs), nil
}

// resolved is a path without symbolic links; the path itself where it leads nowhere,
// for whoever opens it says why.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func newBundle(dir string, s *specs.Spec) *Bundle {
	b := &Bundle{Dir: dir, Spec: s}
	if s.Root != nil && s.Root.Path != "" {
		b.Rootfs = s.Root.Path
		if !filepath.IsAbs(b.Rootfs) {
			b.Rootfs = filepath.Join(dir, b.Rootfs)
		}
		b.Rootfs = resolved(b.Rootfs)
		s.Root.Path = b.Rootfs
	}
	return b
}
