package explain

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/seccomp"
	"github.com/berth-oci/berth/spec"
)

// Explain goes through the steps of create without taking them.
func Explain(t enclosure.Tool, c *backends.Container, s *specs.Spec) (backends.Explanation, error) {
	j := enclosure.NewJob(c, s, nil, nil)
	if _, kind := spec.Namespace(s, specs.UserNamespace); kind == spec.New {
		j.UIDMap, j.GIDMap = s.Linux.UIDMappings, s.Linux.GIDMappings
	}
	if err := j.AddMounts(t); err != nil {
		return nil, err
	}
	if err := t.PlanCgroup(j); err != nil {
		return nil, err
	}
	x, err := t.Explain(j)
	if err != nil {
		return nil, err
	}
	limits, err := explainLimits(j)
	if err != nil {
		return nil, err
	}
	x.Add("limits of the cgroup "+j.Data.Limits, limits...)
	x.Add("LXC's command sockets, for the cgroup "+j.Data.Limits, guard.Explain(j.Spec)...)
	root, err := rootfs.Explain(j.Spec, c.Bundle)
	if err != nil {
		return nil, err
	}
	x = append(x, root...)
	hooks.Explain(&x, s)
	lines, err := explainProcess(s)
	if err != nil {
		return nil, err
	}
	x.Add("process", lines...)
	return x, nil
}

// explainProcess returns the process's attributes in the kernel's terms.
func explainProcess(s *specs.Spec) ([]backends.Line, error) {
	a, err := process.FromSpec(s.Process, s)
	if err != nil {
		return nil, err
	}
	lines := a.Explain(s.Process)
	add := func(from, format string, args ...any) {
		lines = append(lines, backends.Line{Text: fmt.Sprintf(format, args...), From: from})
	}
	if a.Capabilities != nil {
		add("process.capabilities", "capabilities: %v", a.Capabilities)
	}
	if a.OOMScoreAdj != nil {
		add("process.oomScoreAdj", "OOM score adjusted by %d", *a.OOMScoreAdj)
	}
	if a.AppArmorProfile != "" {
		add("process.apparmorProfile", "AppArmor profile %s", a.AppArmorProfile)
	}
	if a.SELinuxLabel != "" {
		add("process.selinuxLabel", "SELinux label %s", a.SELinuxLabel)
	}
	filter, err := seccomp.Compile(seccompOf(s))
	if err != nil {
		return nil, err
	}
	if filter != nil {
		add("linux.seccomp", "seccomp filter, default action %s", s.Linux.Seccomp.DefaultAction)
	}
	return lines, nil
}

func seccompOf(s *specs.Spec) *specs.LinuxSeccomp {
	if s.Linux == nil {
		return nil
	}
	return s.Linux.Seccomp
}

func explainLimits(j *enclosure.Job) ([]backends.Line, error) {
	if j.Spec.Linux == nil {
		return nil, nil
	}
	return cgroup.Explain(j.Spec.Linux.Resources, j.Spec.Linux.Devices)
}
