package cgroup

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/systemd"
)

// Place is where a container goes in the cgroup tree.
type Place struct {
	// Path is the container's cgroup, relative to Mount.
	Path string
	// Limits is the cgroup that carries its limits: Path or one above it.
	Limits string
	scope  *systemd.UnifiedManager
	unit   *cgroups.Cgroup // what the scope is made of
}

// Find reads linux.cgroupsPath: a path, relative ones being below /berth, or
// with systemd slice:prefix:name (what runc's --systemd-cgroup means). name is
// for containers that do not say.
func Find(cgroupsPath, name string, byScope bool) (*Place, error) {
	if !byScope {
		p := cgroupsPath
		switch {
		case p == "":
			p = path.Join(defaultParent, name)
		case !path.IsAbs(p):
			// A leading slash keeps .. from leaving the parent.
			p = path.Join(defaultParent, path.Clean("/"+p))
		}
		p = path.Clean(p)
		if err := checkPath(p); err != nil {
			return nil, err
		}
		return &Place{Path: p, Limits: p}, nil
	}
	c := &cgroups.Cgroup{Systemd: true, ScopePrefix: "berth", Name: name, Resources: &cgroups.Resources{}}
	if cgroupsPath != "" {
		parts := strings.Split(cgroupsPath, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("linux.cgroupsPath: %q is not of the form slice:prefix:name, which --systemd-cgroup asks for", cgroupsPath)
		}
		c.Parent, c.ScopePrefix, c.Name = parts[0], parts[1], parts[2]
	}
	scope, err := systemd.NewUnifiedManager(c, "")
	if err != nil {
		return nil, fmt.Errorf("linux.cgroupsPath: %q: %w", cgroupsPath, err)
	}
	limits := strings.TrimPrefix(scope.Path(""), Mount)
	if err := checkPath(limits); err != nil {
		return nil, err
	}
	return &Place{Path: path.Join(limits, "container"), Limits: limits, scope: scope, unit: c}, nil
}

// checkPath refuses what cannot be written into an LXC config, a line of text.
func checkPath(p string) error {
	if p == "/" {
		return fmt.Errorf("linux.cgroupsPath: a container cannot have the root cgroup")
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("linux.cgroupsPath: %q holds a control character", p)
		}
	}
	return nil
}

// Open makes the systemd scope around a process, with the properties that the
// container's annotations name, or enables the controllers on the way to the path,
// which stays until what is returned is closed.
func (p *Place) Open(pid int, annotations map[string]string) (io.Closer, error) {
	if p.scope == nil {
		return prepare(p.Path)
	}
	var err error
	if p.unit.SystemdProps, err = properties(annotations); err != nil {
		return nil, err
	}
	if err := p.scope.Apply(pid); err != nil {
		return nil, fmt.Errorf("systemd scope of the container: %w", err)
	}
	return io.NopCloser(nil), nil
}

// Limit applies resources where the container's limits are kept, and below a
// scope, to which systemd holds on, in the container's cgroup too.
func (p *Place) Limit(r *cgroups.Resources) error {
	if p.scope == nil {
		return Limit(p.Limits, r)
	}
	if err := p.scope.Set(r); err != nil {
		return fmt.Errorf("apply linux.resources to %s: %w", p.Limits, err)
	}
	return LimitInner(p.Path, r)
}

// Remove ends what is in the cgroup and removes it. A scope is taken down by
// systemd: the kernel tells it with a delay that a cgroup is empty, and does not
// tell at all of one that has gone by then, so that the scope would stay.
func (p *Place) Remove() error {
	if p.scope != nil {
		if err := Kill(p.Limits); err != nil {
			return err
		}
		if err := p.scope.Destroy(); err != nil {
			return fmt.Errorf("remove the systemd scope of %s: %w", p.Limits, err)
		}
	}
	return Remove(p.Limits)
}

// Scoped says that the container's limits are those of a systemd scope.
func (p *Place) Scoped() bool { return p.scope != nil }
