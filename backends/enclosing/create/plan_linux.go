package create

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/spec"
)

// plan chooses the enclosure's name and cgroup, and notes everything else that delete has to know.
// It saves this before anything exists.
func (cr *creation) plan(context.Context) error {
	j := cr.job
	if err := findJoinedBeforeFork(j); err != nil {
		return err
	}
	if err := cr.tool.PlanCgroup(j); err != nil {
		return err
	}
	if j.Data.Limits != "" {
		if err := j.Data.Claim(); err != nil {
			return err
		}
	}
	if err := planResctrl(j); err != nil {
		return err
	}
	j.Data.SharedPIDs = !j.OwnPIDs()
	if err := savedconfig.Save(j.Container, j.Spec, cr.opts); err != nil {
		return err
	}
	return j.Save()
}

// findJoinedBeforeFork notes which of the namespaces with a path in config.json berth has to join
// before it forks the container's process. A process in a user namespace can only join namespaces
// that belong to that user namespace (setns(2)), and LXC joins the user namespace first.
// config-linux.md wants the other namespaces joined all the same.
func findJoinedBeforeFork(j *enclosure.Job) error {
	_, kind := spec.Namespace(j.Spec, specs.UserNamespace)
	if kind == spec.Host {
		return nil
	}
	for _, t := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		ns, named := j.Joined[t]
		if !named {
			continue
		}
		own, err := namespace.Belongs(ns, j.Joined[specs.UserNamespace])
		if err != nil {
			return spec.Fieldf("linux.namespaces", "open the user namespace that owns %s: %w", ns.Name(), err)
		}
		if !own {
			j.Data.JoinedBeforeFork = append(j.Data.JoinedBeforeFork, t)
		}
	}
	return nil
}

// planResctrl notes the resctrl group of linux.intelRdt, so that Delete knows about it.
func planResctrl(j *enclosure.Job) error {
	r := j.Spec.Linux.IntelRdt
	if r == nil {
		return nil
	}
	root, err := resctrl.Root()
	if err != nil {
		return err
	}
	j.Data.Resctrl, err = resctrl.Plan(root, j.ID, r)
	return err
}
