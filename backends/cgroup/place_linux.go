package cgroup

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/systemd"

	"github.com/berth-oci/berth/spec"
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

// Default is the place of a container whose config.json names none.
type Default struct {
	// Name is the cgroup's, or in it the end of a scope's. It is not empty.
	Name string
	// Space keeps containers of one name apart: those of one space have their own
	// parent, whose name is made of it. It has letters and digits only, or is empty.
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

// Find reads linux.cgroupsPath: a path, relative ones being below /berth, or
// with systemd slice:prefix:name (what runc's --systemd-cgroup means).
func Find(cgroupsPath string, d Default, byScope bool) (*Place, error) {
	if !byScope {
		p := cgroupsPath
		switch {
		case p == "":
			p = d.path()
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
	c := &cgroups.Cgroup{ScopePrefix: d.prefix(), Name: d.Name}
	if cgroupsPath != "" {
		parts := strings.Split(cgroupsPath, ":")
		if len(parts) != 3 {
			return nil, spec.Fieldf("linux.cgroupsPath", "%q is not of the form slice:prefix:name, which --systemd-cgroup asks for", cgroupsPath)
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

// At is the place of a container that has one, as Place's Limits and Scoped say.
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

// InScope finds the scope that Find has put a container's cgroup into.
func InScope(p string) (limits string, is bool) {
	limits, inner := path.Split(p)
	limits = path.Clean(limits)
	return limits, inner == inScope && path.Ext(limits) == ".scope"
}

// inScope is the container's cgroup in its scope.
const inScope = "container"

// scoped is the place in a unit of systemd's, in the cgroup at if that is not "".
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

// checkPath refuses what cannot be written into an LXC config, a line of text.
func checkPath(p string) error {
	if p == "/" {
		return spec.Fieldf("linux.cgroupsPath", "a container cannot have the root cgroup")
	}
	if p == defaultParent || path.Dir(p) == defaultParent && strings.HasPrefix(path.Base(p), spaceMark) {
		return spec.Fieldf("linux.cgroupsPath", "%s is where berth puts the cgroups of containers", p)
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f {
			return spec.Fieldf("linux.cgroupsPath", "%q holds a control character", p)
		}
	}
	return nil
}

// unitName is the unit's as opencontainers/cgroups makes it.
func unitName(c *cgroups.Cgroup) string {
	if strings.HasSuffix(c.Name, ".slice") {
		return c.Name
	}
	return c.ScopePrefix + "-" + c.Name + ".scope"
}

// checkUnit refuses a unit's name that systemd does (systemd.unit(5), "Description").
func checkUnit(name string) error {
	const signs = ":-_.\\@"
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(signs, r)) {
			return spec.Fieldf("linux.cgroupsPath", "%.300q is no name of a systemd unit: it has %q, and only letters and digits of ASCII and the signs %s are allowed", name, r, signs)
		}
	}
	if len(name) > 255 {
		return spec.Fieldf("linux.cgroupsPath", "%.100q… is no name of a systemd unit: it has %d characters, and 255 are allowed", name, len(name))
	}
	return nil
}

// CheckRecorded refuses what cannot be a container's cgroup that is known from a
// record: one that Find does not give, and one that the host's first process is in,
// or in one below. None is fine.
func CheckRecorded(p string) error {
	if p == "" {
		return nil
	}
	if !path.IsAbs(p) || path.Clean(p) != p || checkPath(p) != nil {
		return fmt.Errorf("%.100q is no container's cgroup", p)
	}
	if first, err := Of(1); err == nil && (first == p || strings.HasPrefix(first, p+"/")) {
		return fmt.Errorf("%.100q has the host's first process in it", p)
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
	if err := explained(p.Limits, r, p.scope.Set(r)); err != nil {
		return err
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

// Withdraw removes the cgroup of a container that was being created, in case it
// was made: only when there is nobody in it, for by now it can be another's.
func (p *Place) Withdraw() error {
	if ID(p.Limits) == 0 {
		if p.scope != nil {
			ForgetScope(p.Limits)
		}
		return nil
	}
	return withdraw(p.Limits, func() error {
		if p.scope != nil {
			if err := p.scope.Destroy(); err != nil {
				return fmt.Errorf("remove the systemd scope of %s: %w", p.Limits, err)
			}
		}
		return removeTree(path.Join(Mount, p.Limits))
	})
}

// Scoped says that the container's limits are those of a systemd scope.
func (p *Place) Scoped() bool { return p.scope != nil }
