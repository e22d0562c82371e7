package guard

import (
	"errors"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/spec"
)

// Preflight returns the error that Open would return, as far as it can be known before
// the container's process exists.
func Preflight(s *specs.Spec) error {
	if s.Linux == nil || !Needed(s) {
		return nil
	}
	g, err := loadGuard()
	if err == nil {
		g.Close()
	}
	if !errors.Is(err, lxcsocket.ErrUnsupported) {
		return err
	}
	_, kind := spec.Namespace(s, specs.UserNamespace)
	if kind == spec.Path || kind == spec.New && !mapsHostRoot(s.Linux.UIDMappings) {
		return nil
	}
	network, oerr := openNetwork(s)
	if oerr != nil {
		return nil // create reports it
	}
	defer network.Close() // does nothing if nil
	return unguarded(s, network, err)
}

// Explain returns what the guard does.
func Explain(s *specs.Spec) []backends.Line {
	if !Needed(s) {
		return nil
	}
	from := namespace.Field(s, specs.NetworkNamespace)
	what := "abstract addresses @lxc/… and @…/command"
	g, err := loadGuard()
	if err != nil {
		return []backends.Line{{Text: err.Error(), From: from}}
	}
	defer g.Close()
	if g.Coarse {
		what = "abstract addresses @l… and @/…"
	}
	lines := []backends.Line{{Text: "refuse to connect or send to " + what + " (BPF: cgroup/connect_unix, cgroup/sendmsg_unix)", From: from}}
	network, err := openNetwork(s)
	if err != nil {
		return lines // create reports it
	}
	defer network.Close() // does nothing if nil
	if reach, err := mayReach(network); err == nil && reach {
		lines = append(lines, backends.Line{Text: "seccomp: clone3 fails with ENOSYS, so that no process can be created in a cgroup without these programs", From: from})
	}
	return lines
}

// Diagnose reports whether containers can be kept from LXC's command sockets on this host.
func Diagnose() backends.Finding {
	f := backends.Finding{Check: "LXC's command sockets", Verdict: backends.Pass, Looked: "refused to containers that share a network namespace"}
	g, err := loadGuard()
	if err != nil {
		f.Verdict, f.Looked = backends.Warn, err.Error()
		f.Advice = "containers with the host's network fail unless they have a user namespace: give them to crun or runc with a rule, or use a newer kernel"
		return f
	}
	defer g.Close()
	if delegated, err := namespacesDelegate(); err == nil && !delegated {
		f.Verdict = backends.Warn
		f.Looked += ", but cgroup2 is mounted without nsdelegate: two containers together can leave a cgroup"
		f.Advice = "run 'mount -o remount,nsdelegate " + cgroup.Mount + "' in the initial cgroup namespace, as systemd does"
	}
	if g.Coarse {
		f.Looked += ", like all abstract addresses that begin with / or l: BPF programs on this kernel cannot examine more"
	}
	return f
}

// Feature says in a few words whether containers are kept from LXC's command sockets.
func Feature() string {
	g, err := loadGuard()
	if err != nil {
		return "not refused: " + err.Error()
	}
	defer g.Close()
	if g.Coarse {
		return "refused with others"
	}
	return "refused"
}

// openNetwork opens the network namespace that config.json names by path. It returns nil if
// config.json names none.
func openNetwork(s *specs.Spec) (*os.File, error) {
	path, kind := spec.Namespace(s, specs.NetworkNamespace)
	if kind != spec.Path {
		return nil, nil
	}
	return namespace.Open(path, namespace.CloneFlags[specs.NetworkNamespace])
}
