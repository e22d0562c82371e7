// Package bundle reads OCI bundles from disk (bundle.md of the runtime specification) and makes
// them from images and root file systems.
package bundle

import (
	"fmt"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Bundle is a directory with a valid config.json.
type Bundle struct {
	// Dir is the absolute path of the bundle, Rootfs the absolute path of its root file system.
	// Symbolic links in both are resolved, and root.path in the Spec is Rootfs. A later lookup
	// therefore finds the same directories.
	Dir, Rootfs string
	Spec        *specs.Spec
	// Config holds the bytes of config.json.
	Config []byte
	// Warnings holds the problems of config.json that are no reason to refuse it.
	Warnings spec.Problems
}

// Load reads the bundle in dir. If config.json is invalid, the error wraps a *spec.InvalidError,
// which names every problem by its JSON path.
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

// locate returns the absolute path of a bundle. It resolves symbolic links if the bundle exists.
func locate(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("bundle %q: %w", dir, err)
	}
	return resolved(abs), nil
}

// resolved returns a path without symbolic links. It returns the path unchanged if it leads
// nowhere; opening it then gives the reason.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func newBundle(dir string, s *specs.Spec) *Bundle {
	b := &Bundle{Dir: dir, Spec: s}
	if s.Root != nil && s.Root.Path != "" {
		b.Rootfs = resolved(b.abs(s.Root.Path))
		s.Root.Path = b.Rootfs
	}
	return b
}
