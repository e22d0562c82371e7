package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // the device policy, as BPF
	"github.com/opencontainers/cgroups/fs2"

	"github.com/berth-oci/berth/spec"
)

// Limit applies resources to the cgroup. Errors name the JSON path. If the cgroup lacks a
// controller or a file, the error is of type Lacks.
func (g *Group) Limit(r *cgroups.Resources) error {
	m, err := g.manager(r)
	if err != nil {
		return err
	}
	return g.explained(r, m.Set(r))
}

// manager returns the cgroup library's manager of the cgroup. The library opens files by their
// path. It gets a path through the descriptor, so that it finds this cgroup and no other. Of files
// that are not below Mount it makes sure that they are on a cgroup file system.
func (g *Group) manager(r *cgroups.Resources) (*fs2.Manager, error) {
	m, err := fs2.NewManager(&cgroups.Cgroup{Resources: r}, g.at(""))
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", g.path, err)
	}
	return m, nil
}

// named returns an error of the library with the cgroup's path in the text instead of the path
// through the descriptor.
func (g *Group) named(err error) error {
	if err == nil {
		return nil
	}
	return &namedError{err, g.at(""), g.file("")}
}

type namedError struct {
	error
	at, path string
}

func (e *namedError) Error() string { return strings.ReplaceAll(e.error.Error(), e.at, e.path) }
func (e *namedError) Unwrap() error { return e.error }

// LimitInner applies to a container's cgroup the limits that a cgroup above it already has. The
// container can then read its limits, and the kernel counts their effects in the cgroup that
// engines look at. The cgroups above must not contain processes themselves (cgroup v2's "no
// internal processes" rule).
func (g *Group) LimitInner(r *cgroups.Resources) error {
	if !g.hasAll() {
		// The library goes from Mount down and makes what is missing, so it can only have the path.
		// Controllers that it gives to cgroups above another cgroup of this path do no harm.
		err := ErrGone
		if g.Exists() {
			err = fs2.CreateCgroupPath(filepath.Join(Mount, g.path), &cgroups.Cgroup{Resources: r})
		}
		if err == nil && !g.Exists() {
			err = ErrGone
		}
		if err != nil {
			return fmt.Errorf("enable the controllers of cgroup %s: %w", g.path, err)
		}
	}
	inner := *r
	inner.SkipDevices = true
	return g.Limit(&inner)
}

// hasAll reports whether the cgroup has every controller of the kernel.
func (g *Group) hasAll() bool {
	all, err := os.ReadFile(filepath.Join(Mount, controllersFile))
	if err != nil {
		return false
	}
	own, err := g.read(controllersFile)
	return err == nil && bytes.Equal(own, all)
}

// explained adds the JSON path of the field to an error that the cgroup library returned for the
// cgroup. If the cgroup lacks a controller or a file, explained returns Lacks even if err is nil,
// because the library ignores some of these cases.
func (g *Group) explained(r *cgroups.Resources, err error) error {
	if lacks := g.Missing(r); len(lacks) > 0 {
		return lacks
	}
	if err == nil {
		return nil
	}
	at := "linux.resources"
	var failed *fs.PathError
	if errors.As(err, &failed) {
		file := filepath.Base(failed.Path)
		list := writes(r)
		if i := slices.IndexFunc(list, func(w write) bool { return slices.Contains(w.files, file) }); i >= 0 {
			at = list[i].field
		}
	}
	return spec.Fieldf(at, "apply to cgroup %s: %w", g.path, g.named(err))
}
