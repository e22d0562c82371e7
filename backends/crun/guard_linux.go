package crun

import (
	"errors"
	"fmt"
	"os"
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// guard refuses two kinds of config that crun and runc do not refuse, or not always: a config that
// changes the host through a namespace that it names by its path, and a config whose cgroup belongs
// to another container. That container would end with this one.
func (b *Backend) guard(c *backends.Container, s *specs.Spec, f flavour, sharing func() string) error {
	if err := rootfs.CheckHost(s); err != nil {
		return err
	}
	if b.settings.Globals.CgroupManager == "disabled" || os.Geteuid() != 0 {
		return nil
	}
	if cgroup.CheckUnified() == nil {
		place, err := b.place(c, f)
		if err != nil || place == "" {
			return err
		}
		err = cgroup.CheckFree(place)
		if !errors.Is(err, cgroup.ErrTaken) {
			return err
		}
		if !isEmpty(place) {
			return &spec.FieldError{Path: "linux.cgroupsPath", Err: err}
		}
		// The cgroup is empty, and nobody will remove it, so the other runtime may take it.
	}
	if id := sharing(); id != "" {
		return spec.Fieldf("linux.cgroupsPath", "%s is the cgroup of container %q: delete that container first: %w", spec.Shorten(c.CgroupsPath), id, cgroup.ErrTaken)
	}
	return nil
}

// isEmpty reports whether no process is in a cgroup or below it.
func isEmpty(place string) bool {
	g, err := cgroup.Open(place)
	if err != nil {
		return errors.Is(err, cgroup.ErrGone)
	}
	defer g.Close()
	pids, err := g.Processes()
	return err == nil && len(pids) == 0
}

// place returns the cgroup v2 path at which the other runtime will put a container, or "" if that
// is not known.
func (b *Backend) place(c *backends.Container, f flavour) (string, error) {
	switch {
	case c.SystemdCgroup && c.CgroupsPath == "":
		return "", nil // systemd refuses a second scope of the same name
	case c.SystemdCgroup:
		p, err := cgroup.Find(c.CgroupsPath, cgroup.Default{Name: c.ID}, true)
		if err != nil {
			return "", nil //nolint:nilerr // the other runtime says what it does not like
		}
		return p.Limits, nil
	}
	at := c.CgroupsPath
	if at == "" {
		at = c.ID
	}
	if path.IsAbs(at) || f == crunFlavour {
		return path.Clean("/" + at), nil
	}
	own, err := cgroup.Of(os.Getpid())
	if err != nil {
		return "", fmt.Errorf("find berth's own cgroup: %w", err)
	}
	return path.Join(path.Dir(own), path.Clean("/"+at)), nil
}
