// Package guard decides which containers are kept from LXC's command sockets, and how. A container
// that shares its network namespace can find the sockets of LXC's monitors there, and its root
// would be root on the host by them.
package guard

import (
	"errors"
	"fmt"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// loadGuard is lxcsocket.Load, except in tests.
var loadGuard = lxcsocket.Load

// namespacesDelegate is cgroup.NamespacesDelegate, except in tests.
var namespacesDelegate = cgroup.NamespacesDelegate

// Needed reports whether a container shares its network namespace. LXC's monitors can then be in
// it.
func Needed(s *specs.Spec) bool {
	_, kind := spec.Namespace(s, specs.NetworkNamespace)
	return kind != spec.New
}

// Open loads the guard that keeps the container from LXC's command sockets. It returns nil if the
// container needs no guard. If the kernel does not support the guard, Open fails for a container
// that could reach a command socket.
func Open(j *enclosure.Job) (*lxcsocket.Guard, error) {
	if !Needed(j.Spec) {
		return nil, nil
	}
	g, err := loadGuard()
	if !errors.Is(err, lxcsocket.ErrUnsupported) {
		return g, err
	}
	if _, kind := spec.Namespace(j.Spec, specs.UserNamespace); kind != spec.Host && !mapsHostRoot(j.UIDMap) {
		return nil, nil
	}
	return nil, unguarded(j.Spec, j.Joined[specs.NetworkNamespace], err)
}

// Attach attaches g to the container's cgroup. If g is nil, it does nothing.
func Attach(g *lxcsocket.Guard, d *enclosure.Data) error {
	if g == nil {
		return nil
	}
	if err := attach(g, d); err != nil {
		return fmt.Errorf("keep the container from LXC's command sockets: %w", err)
	}
	return nil
}

func attach(g *lxcsocket.Guard, d *enclosure.Data) error {
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
	return g.Attach(limits, inner)
}

// mapsHostRoot reports whether a user namespace maps the host's uid 0, whose commands LXC accepts.
func mapsHostRoot(maps []specs.LinuxIDMapping) bool {
	return slices.ContainsFunc(maps, func(m specs.LinuxIDMapping) bool { return m.HostID == 0 && m.Size > 0 })
}

// unguarded returns an error if LXC's command sockets are in reach in the container's network
// namespace. network is that namespace if config.json names it by path, else nil. cause is the
// reason why there is no guard.
func unguarded(s *specs.Spec, network *os.File, cause error) error {
	at := namespace.Field(s, specs.NetworkNamespace)
	if network != nil {
		at += ".path"
	}
	reason, err := inReach(network)
	if err != nil {
		return &spec.FieldError{Path: at, Err: err}
	}
	if reason == "" {
		return nil
	}
	return spec.Fieldf(at, "%s, so uid 0 in the container could become root on the host through LXC's command sockets: %w; "+
		"give such containers to crun with a rule in berth's configuration (privileged = true), use a user namespace that does not map the host's uid 0, or use a newer kernel", reason, cause)
}

// inReach returns why LXC's command sockets are in reach in a network namespace that a container
// shares. network is that namespace, or nil for the host's. reason is "" if no monitor listens
// there.
func inReach(network *os.File) (reason string, err error) {
	if network == nil {
		return "the container shares the host's network namespace, because linux.namespaces has no network", nil
	}
	home, err := lxcsocket.Home(network)
	if err != nil {
		return "", err
	}
	if home != "" {
		return "the network namespace is " + home, nil
	}
	list, err := lxcsocket.Monitors(network)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return fmt.Sprintf("a process in the network namespace listens at an address of an LXC monitor (@%.110s)", list[0]), nil
}

// KeepInCgroup makes the seccomp filter refuse clone3 if LXC's command sockets are in reach. With
// clone3 the container could fork a process into another cgroup, where the guard on its own cgroup
// does not hold. network is the container's network namespace, or nil for the host's.
func KeepInCgroup(a *process.Attributes, s *specs.Spec, network *os.File) error {
	if !Needed(s) {
		return nil
	}
	reach, err := mayReach(network)
	if err != nil {
		return &spec.FieldError{Path: namespace.Field(s, specs.NetworkNamespace), Err: err}
	}
	if reach {
		a.Seccomp = a.Seccomp.WithoutClone3()
	}
	return nil
}

// mayReach reports whether [inReach] gives a reason or cannot tell. It cannot tell if process 1 has
// more rights than berth, because then berth cannot see its network namespace.
func mayReach(network *os.File) (bool, error) {
	reason, err := inReach(network)
	if errors.Is(err, os.ErrPermission) {
		return true, nil
	}
	return reason != "", err
}

// CheckDescriptors refuses descriptors through which the container could reach a command socket. It
// checks stdio, and n descriptors from 3 on.
func CheckDescriptors(stdio [3]*os.File, n int) error {
	for i, f := range stdio {
		fd := i
		if f != nil {
			fd = int(f.Fd())
		}
		if err := lxcsocket.CheckDescriptor(fd); err != nil {
			return fmt.Errorf("descriptor %d: %w", i, err)
		}
	}
	for fd := 3; fd < 3+n; fd++ {
		if err := lxcsocket.CheckDescriptor(fd); err != nil {
			return fmt.Errorf("descriptor %d of --preserve-fds or LISTEN_FDS: %w", fd, err)
		}
	}
	return nil
}
