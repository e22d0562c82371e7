package explain

import (
	"slices"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/agent"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/seccomp"
	"github.com/berth-oci/berth/spec"
)

// Preflight returns what Create would refuse in a valid config because of the host and its kernel,
// which Check does not look at. Warnings say what Create would do without.
func Preflight(s *specs.Spec) spec.Problems {
	var ps spec.Problems
	refuse := func(err error) {
		if err != nil {
			ps = append(ps, spec.ProblemOf(err, spec.Error))
		}
	}
	attributes, err := process.FromSpec(s.Process, s)
	refuse(err)
	if attributes != nil {
		for _, w := range slices.Concat(attributes.Warnings, attributes.Ungranted(), seccomp.Passed(seccompOf(s))) {
			ps = append(ps, spec.ProblemOf(w, spec.Warning))
		}
	}
	if s.Process != nil {
		refuse(initproc.CheckAffinity(s.Process.ExecCPUAffinity))
	}
	refuse(preflightNamespaces(s))
	limits, err := resources(s)
	refuse(err)
	if err == nil {
		for _, l := range cgroup.Preflight(limits) {
			p := spec.ProblemOf(l, spec.Error)
			p.Ref = "config-linux.md#control-groups"
			ps = append(ps, p)
		}
		for _, w := range cgroup.Ignored(limits) {
			ps = append(ps, spec.ProblemOf(w, spec.Warning))
		}
	}
	refuse(guard.Preflight(s))
	_, err = rootfs.Explain(s, "/")
	refuse(err)
	if s.Linux != nil && s.Linux.IntelRdt != nil {
		_, err := resctrl.Root()
		refuse(err)
	}
	if s.Linux != nil {
		filter, err := seccomp.Compile(s.Linux.Seccomp)
		refuse(err)
		if filter != nil && filter.Listener {
			refuse(agent.Check(s.Linux.Seccomp.ListenerPath))
		}
	}
	return ps
}

// preflightNamespaces checks the namespaces that config.json names by path, and what new user and
// time namespaces need.
func preflightNamespaces(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	if err := namespace.CheckTime(s); err != nil {
		return err
	}
	if err := namespace.CheckMaps(s.Linux); err != nil {
		return err
	}
	open, err := namespace.OpenAll(s)
	open.Close()
	return err
}

func resources(s *specs.Spec) (*cgroups.Resources, error) {
	if s.Linux == nil {
		return cgroup.Resources(nil, nil)
	}
	return cgroup.Resources(s.Linux.Resources, s.Linux.Devices)
}
