package cgroup

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/systemd"

	"github.com/berth-oci/berth/spec"
)

// Place is a container's place in the cgroup tree.
type Place struct {
	// Path is the container's cgroup, relative to Mount.
	Path string
	// Limits is the cgroup that has the container's limits: Path or a cgroup above it.
	Limits string
	scope  *systemd.UnifiedManager
	unit   *cgroups.Cgroup // the scope's definition
}

// Default is the place of a container whose config.json has no cgroupsPath.
type Default struct {
	// Name is the cgroup's name, or the last part of a scope's name. It is not empty.
	Name string
	// Space separates containers with the same name: the containers of a space have their own
	// parent, which is named after it. It consists of letters and digits, or is empty.
	Space string
}

func (d Default) path() string {
	if d.Space == "" {
		return path.Join(defaultParent, d.Name)
	}
	return path.Join(defaultParent, spaceMark+d.Space, d.Name)
}

func (d Default) prefix() string {
	if d.Space == "" {
		return "berth"
	}
	return "berth:" + d.Space // no name begins with a colon
}

// Find interprets linux.cgroupsPath. It is a path, which is below /berth if it is relative, or with
// systemd slice:prefix:name, as for runc's --systemd-cgroup.
func Find(cgroupsPath string, d Default, byScope bool) (*Place, error) {
	if !byScope {
		p := cgroupsPath
		switch {
		case p == "":
			p = d.path()
		case !path.IsAbs(p):
			// The leading slash keeps .. from leaving the parent.
			p = path.Join(defaultParent, path.Clean("/"+p))
		}
		p = path.Clean(p)
		if err := checkPath(p); err != nil {
			return nil, err
		}
		return &Place{Path: p, Limits: p}, nil
	}
	c := &cgroups.Cgroup{ScopePrefix: d.prefix(), Name: d.Name}
	if cgroupsPath != "" {
		parts := strings.Split(cgroupsPath, ":")
		if len(parts) != 3 {
			return nil, spec.Fieldf("linux.cgroupsPath", "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got %q instead", cgroupsPath)
		}
		c.Parent, c.ScopePrefix, c.Name = parts[0], parts[1], parts[2]
	}
	p, err := scoped(c, "")
	if err != nil {
		return nil, spec.Fieldf("linux.cgroupsPath", "%q: %w", cgroupsPath, err)
	}
	if err := checkUnit(unitName(c)); err != nil {
		return nil, err
	}
	return p, checkPath(p.Limits)
}

// At returns the place of an existing container. limits and isScope are the Limits and Scoped of
// its Place.
func At(limits string, isScope bool) (*Place, error) {
	if !isScope {
		return &Place{Path: limits, Limits: limits}, nil
	}
	c := &cgroups.Cgroup{Name: path.Base(limits), Parent: path.Base(path.Dir(limits))}
	if c.Parent == "/" {
		c.Parent = "-.slice"
	}
	if unit, found := strings.CutSuffix(c.Name, ".scope"); found {
		c.ScopePrefix, c.Name, _ = strings.Cut(unit, "-")
	}
	return scoped(c, limits)
}

// InScope returns the scope of a container's cgroup, if Find has put the cgroup into one.
func InScope(p string) (limits string, is bool) {
	limits, inner := path.Split(p)
	limits = path.Clean(limits)
	return limits, inner == inScope && path.Ext(limits) == ".scope"
}

// inScope is the name of the container's cgroup in its scope.
const inScope = "container"

// scoped returns a place in a systemd unit. If at is not empty, it is the unit's cgroup.
func scoped(c *cgroups.Cgroup, at string) (*Place, error) {
	if at != "" {
		at = path.Join(Mount, at)
	}
	c.Systemd, c.Resources = true, &cgroups.Resources{}
	scope, err := systemd.NewUnifiedManager(c, at)
	if err != nil {
		return nil, err
	}
	limits := strings.TrimPrefix(scope.Path(""), Mount)
	return &Place{Path: path.Join(limits, inScope), Limits: limits, scope: scope, unit: c}, nil
}

// checkPath refuses paths that berth uses itself and paths that cannot be written to a line of
// LXC's config.
func checkPath(p string) error {
	if p == "/" {
		return spec.Fieldf("linux.cgroupsPath", "a container cannot have the root cgroup")
	}
	if p == defaultParent || path.Dir(p) == defaultParent && strings.HasPrefix(path.Base(p), spaceMark) {
		return spec.Fieldf("linux.cgroupsPath", "%s is reserved for the cgroups of berth's containers", p)
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f {
			return spec.Fieldf("linux.cgroupsPath", "must not contain control characters: %q", p)
		}
	}
	return nil
}

// unitName returns the unit's name as opencontainers/cgroups makes it.
func unitName(c *cgroups.Cgroup) string {
	if strings.HasSuffix(c.Name, ".slice") {
		return c.Name
	}
	return c.ScopePrefix + "-" + c.Name + ".scope"
}

// checkUnit refuses a unit name that systemd would refuse (systemd.unit(5), "Description").
func checkUnit(name string) error {
	const signs = ":-_.\\@"
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(signs, r)) {
			return spec.Fieldf("linux.cgroupsPath", "%.300q is not a valid name of a systemd unit: it contains %q, but only ASCII letters, digits and %s are allowed", name, r, signs)
		}
	}
	if len(name) > 255 {
		return spec.Fieldf("linux.cgroupsPath", "%.100q… is not a valid name of a systemd unit: it has %d characters, but at most 255 are allowed", name, len(name))
	}
	return nil
}

// CheckRecorded refuses a path from a record that cannot be a container's cgroup: a path that Find
// never returns, and a cgroup that contains the host's first process, directly or below it. An
// empty path is accepted.
func CheckRecorded(p string) error {
	if p == "" {
		return nil
	}
	if !path.IsAbs(p) || path.Clean(p) != p || checkPath(p) != nil {
		return fmt.Errorf("%.100q cannot be a container's cgroup", p)
	}
	if first, err := Of(1); err == nil && Below(first, p) {
		return fmt.Errorf("%.100q contains the host's init process", p)
	}
	return nil
}

// Below reports whether the cgroup p is the cgroup parent or one below it.
func Below(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }

// Open prepares the container's cgroup. For a scope it makes the systemd scope around the process
// pid, with the properties from the container's annotations. Otherwise it enables the controllers
// on the way to the path. The path's parent stays until the returned Closer is closed.
func (p *Place) Open(pid int, annotations map[string]string) (io.Closer, error) {
	if p.scope == nil {
		return prepare(p.Path)
	}
	var err error
	if p.unit.SystemdProps, err = properties(annotations); err != nil {
		return nil, err
	}
	if err := p.scope.Apply(pid); err != nil {
		return nil, fmt.Errorf("start the container's systemd scope: %w", err)
	}
	return io.NopCloser(nil), nil
}

// Limit applies resources to the cgroup limits, and to the container's cgroup inner if that is
// another one below it. The limits of a scope are told to systemd, which controls the scope's own.
func (p *Place) Limit(limits, inner *Group, r *cgroups.Resources) error {
	err := p.limit(limits, r)
	if err == nil && inner.id != limits.id {
		err = inner.LimitInner(r)
	}
	return err
}

func (p *Place) limit(g *Group, r *cgroups.Resources) error {
	if p.scope == nil {
		return g.Limit(r)
	}
	if !g.Exists() { // or another scope may have the name
		return fmt.Errorf("apply to cgroup %s: %w", g.path, ErrGone)
	}
	// As in [Group.manager] the library gets a path through the descriptor. It names the scope to
	// systemd by p.unit.
	scope, err := systemd.NewUnifiedManager(p.unit, g.at(""))
	if err != nil {
		return err
	}
	return g.explained(r, scope.Set(r))
}

// Remove kills the processes in the cgroup limits and removes it. A scope is stopped through
// systemd. The kernel tells systemd with a delay that a cgroup is empty, and not at all if the
// cgroup has been removed by then, so the scope would stay.
func (p *Place) Remove(limits *Group) error {
	if p.scope != nil {
		if err := limits.Kill(); err != nil {
			return err
		}
		if err := p.stop(limits); err != nil {
			return err
		}
	}
	return limits.Remove()
}

// Withdraw removes the cgroup of a container whose create failed, if it was made. It removes the
// cgroup only if that is empty, because by now it may belong to another container.
func (p *Place) Withdraw() error {
	g, err := Open(p.Limits)
	if errors.Is(err, ErrGone) {
		if p.scope != nil {
			ForgetScope(p.Limits)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer g.Close()
	return g.withdraw(patience, func() error {
		if p.scope != nil {
			if err := p.stop(g); err != nil {
				return err
			}
		}
		return g.removeTree()
	})
}

// stop has systemd stop the scope whose cgroup is g. If g has been removed, another scope may have
// the name.
func (p *Place) stop(g *Group) error {
	if !g.Exists() {
		ForgetScope(p.Limits)
		return nil
	}
	if err := p.scope.Destroy(); err != nil {
		return fmt.Errorf("remove the systemd scope of %s: %w", p.Limits, err)
	}
	return nil
}

// Scoped reports whether a systemd scope has the container's limits.
func (p *Place) Scoped() bool { return p.scope != nil }
