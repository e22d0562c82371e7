package enclosure

import (
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/cgroups"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
)

// PlaceIn notes the place that cgroup.Find has chosen for the container.
func (d *Data) PlaceIn(p *cgroup.Place) {
	d.Cgroup, d.Limits, d.Scope = p.Path, p.Limits, p.Scoped()
}

// Claim notes that the container will get the cgroup Limits. The error wraps cgroup.ErrTaken if the
// cgroup belongs to somebody else.
func (d *Data) Claim() error {
	if err := cgroup.CheckFree(d.Limits); err != nil {
		return err
	}
	d.Claimed = true
	return nil
}

// MakeWay makes a systemd scope around the process pid, or has the cgroup's parents ready, so that
// the tool can make the cgroup. The parents stay until the returned Closer is closed. If somebody
// else has made the cgroup by now, the error wraps cgroup.ErrTaken, and MakeWay takes back Claim.
func (d *Data) MakeWay(pid int, annotations map[string]string) (io.Closer, error) {
	place, err := cgroup.At(d.Limits, d.Scope)
	if err != nil {
		return nil, err
	}
	opened, err := place.Open(pid, annotations)
	if errors.Is(err, cgroup.ErrTaken) {
		d.Claimed = false
	}
	return opened, err
}

// Attached notes the stub init, the tool's process above it, and the cgroup in which the tool has
// started it: the container's. It fails if one of the two has ended.
func (d *Data) Attached(stubInit backends.Process) error {
	d.StubInit = stubInit
	ppid, err := backends.Parent(stubInit.Pid)
	if err == nil {
		d.Monitor, err = backends.FindProcess(ppid)
	}
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	inner, err := cgroup.OpenOf(stubInit.Pid)
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	defer inner.Close()
	limits, err := cgroup.Open(d.Limits)
	if err != nil {
		return err
	}
	defer limits.Close()
	if !limits.Holds(stubInit.Pid) {
		return fmt.Errorf("the enclosure's init, process %d, is in cgroup %s and not in %s", stubInit.Pid, inner.Path(), d.Limits)
	}
	d.Cgroup, d.LimitsID = inner.Path(), limits.ID()
	return nil
}

// OpenLimits opens the cgroup Limits if it exists and is the container's. Otherwise the error wraps
// cgroup.ErrGone: another cgroup may be at its path.
func (d *Data) OpenLimits() (*cgroup.Group, error) { return cgroup.OpenID(d.Limits, d.LimitsID) }

// OpenCgroup opens the cgroup Cgroup if it exists and is the container's. Otherwise the error wraps
// cgroup.ErrGone.
func (d *Data) OpenCgroup() (*cgroup.Group, error) {
	limits, err := d.OpenLimits()
	if err != nil {
		return nil, err
	}
	defer limits.Close()
	return limits.Open(d.Cgroup)
}

// RemoveCgroup removes the cgroup that cgroup.Find chose for a container, if it is still the
// container's.
func (d *Data) RemoveCgroup() error {
	defer cgroup.TrimDefault(d.Limits)
	place, err := cgroup.At(d.Limits, d.Scope)
	if err != nil {
		return err
	}
	own, err := d.OpenLimits()
	switch {
	case err == nil:
		defer own.Close()
		return place.Remove(own)
	case !errors.Is(err, cgroup.ErrGone):
		return err
	case d.LimitsID == 0 && d.Claimed:
		return place.Withdraw()
	case d.Scope && d.LimitsID != 0:
		cgroup.ForgetScope(d.Limits)
	}
	// The cgroup is gone or was never made. One of the same name belongs to another container.
	return nil
}

// Limit writes limits to the container's cgroup.
func (d *Data) Limit(r *cgroups.Resources) error {
	limits, err := d.OpenLimits()
	if err != nil {
		return err
	}
	defer limits.Close()
	inner, err := limits.Open(d.Cgroup)
	if err != nil {
		return err
	}
	defer inner.Close()
	place, err := cgroup.At(d.Limits, d.Scope)
	if err != nil {
		return err
	}
	return place.Limit(limits, inner, r)
}

// Paused reports whether the container is frozen: the cgroup that Pause freezes, or the cgroup of
// the processes, which somebody else may have frozen. A container without a cgroup is not.
func (d *Data) Paused() (bool, error) {
	limits, err := d.OpenLimits()
	if errors.Is(err, cgroup.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer limits.Close()
	if is, err := limits.Frozen(); err != nil || is || d.Cgroup == d.Limits {
		return is, err
	}
	inner, err := limits.Open(d.Cgroup)
	if errors.Is(err, cgroup.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer inner.Close()
	return inner.Frozen()
}
