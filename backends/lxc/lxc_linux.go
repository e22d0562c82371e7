// Package lxc is the backend that runs a container as a plain LXC container
// (LXC 5 or later), on any Linux host with cgroup v2.
package lxc

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/spec"
)

// DefaultRoot is the usual state directory. The LXC names of containers in any other state
// directory end in a hash of that directory.
const DefaultRoot = "/run/berth"

// Enclosure implements enclosure.Tool with plain LXC containers.
type Enclosure struct{}

// New returns the lxc backend.
func New() backends.Backend { return enclosing.New(Enclosure{}) }

// Name returns "lxc".
func (Enclosure) Name() string { return "lxc" }

// Usable fails if lxc-start is missing, or if the host does not use cgroup v2 alone.
func (Enclosure) Usable() error {
	if _, err := lxcconf.Find("lxc-start"); err != nil {
		return err
	}
	return cgroup.CheckUnified()
}

// Check returns no problems: this backend can express every field.
func (Enclosure) Check(*specs.Spec) spec.Problems { return nil }

// Mounts returns no mounts.
func (Enclosure) Mounts(*specs.Spec) ([]specs.Mount, error) { return nil, nil }

// HostTree returns true: without a rootfs LXC leaves the host's tree in place.
func (Enclosure) HostTree() bool { return true }

// Name returns the container's name in LXC: its id after a prefix, which keeps it apart from the
// administrator's containers. Ids are unique only in one state directory, so names from directories
// other than DefaultRoot end in a hash of the directory.
func Name(c *backends.Container) string {
	name := "berth-" + label(c.ID)
	if space := space(c.Root); space != "" {
		name += mark + space
	}
	return name
}

// mark separates an id from what is added to it. No id contains it.
const mark = "@"

// label returns the id, changed if it contains "..", which LXC takes for a way upwards in the
// cgroup tree, or if it could be the name of an interface file in a cgroup's directory.
func label(id string) string {
	first, _, dotted := strings.Cut(id, ".")
	if !strings.Contains(id, "..") && (!dotted || !slices.Contains(interfaceFiles, first)) {
		return id
	}
	return strings.ReplaceAll(id, ".", "_") + fmt.Sprintf("%s%08x", mark, hash(id))
}

// interfaceFiles are the prefixes, up to the first dot, of the names of files in a cgroup: those of
// the core and of the controllers (cgroups(7), "Cgroups v2").
var interfaceFiles = []string{
	"cgroup", "cpu", "cpuset", "devices", "dmem", "freezer", "hugetlb", "io", "irq", "memory", "misc", "perf_event", "pids", "rdma",
}

// space returns the hash that names from this state directory end in; "" for DefaultRoot.
func space(root string) string {
	if root == DefaultRoot {
		return ""
	}
	return fmt.Sprintf("%08x", hash(root))
}

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// PlanCgroup chooses the container's name and the cgroup that config.json names, or a default one.
func (Enclosure) PlanCgroup(j *enclosure.Job) error {
	cgroup.WarmUp()
	return plan(j)
}

func plan(j *enclosure.Job) error {
	j.Data.Name = Name(j.Container)
	p, err := cgroup.Find(j.CgroupsPath, cgroup.Default{Name: label(j.ID), Space: space(j.Root)}, j.SystemdCgroup)
	if err != nil {
		return err
	}
	j.Data.PlaceIn(p)
	return lxcconf.CheckCgroup(p.Path)
}

// Versions returns lxc-start with its version.
func (Enclosure) Versions() ([]backends.Tool, error) {
	tool, err := lxcconf.Version()
	if tool.Path == "" {
		return nil, err
	}
	return []backends.Tool{tool}, err
}

// DestroyEnclosure waits until LXC has cleaned up: LXC notices the end of the container by itself.
// Then it removes what LXC can no longer remove: the monitor's cgroups, with the monitor if it is
// still in them, and the container's cgroup.
func (e Enclosure) DestroyEnclosure(ctx context.Context, _ *backends.Container, d *enclosure.Data) error {
	if d.Name == "" {
		return nil
	}
	if err := e.endMonitor(ctx, d); err != nil {
		return err
	}
	// If berth was killed before it saved the monitor's pid, the monitor may still be moving from
	// one of these cgroups to the other and back.
	for _, path := range []string{pivotCgroup(d), monitorCgroup(d), pivotCgroup(d)} {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return d.RemoveCgroup()
}

func (Enclosure) endMonitor(ctx context.Context, d *enclosure.Data) error {
	const patience = 10 * time.Second
	// The stub init sees the process end and ends, and then LXC ends. If LXC does not end, both are
	// killed.
	_ = d.StubInit.WaitGone(ctx, patience)
	err := d.Monitor.WaitGone(ctx, patience)
	if err == nil {
		return nil
	}
	for _, p := range []backends.Process{d.StubInit, d.Monitor} {
		_ = p.Signal(unix.SIGKILL)
	}
	if err := d.Monitor.WaitGone(ctx, patience); err != nil {
		return fmt.Errorf("end the monitor of LXC container %s: %w", d.Name, err)
	}
	return nil
}
