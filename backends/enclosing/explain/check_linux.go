// Package explain tells what create would do with a config.json and on this host, and makes nothing:
// the fields that are refused, the steps with the field that each comes from, and the features.
package explain

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// Check returns a problem for each field that the tool or the init process cannot honour.
func Check(t enclosure.Tool, s *specs.Spec) spec.Problems { return append(t.Check(s), checkInit(s)...) }

// checkInit returns a problem for each field that the init process cannot honour yet.
func checkInit(s *specs.Spec) spec.Problems {
	var ps spec.Problems
	refuse := func(path, reason string) {
		ps = append(ps, spec.Problem{Path: path, Level: spec.Error, Message: reason})
	}
	for _, r := range rootfs.Unsupported(s) {
		refuse(r.Path, r.Reason)
	}
	l := s.Linux
	if l == nil {
		refuse("linux", "must be set: the container runs on Linux")
		return ps
	}
	if _, kind := spec.Namespace(s, specs.UserNamespace); kind == spec.New {
		for path, maps := range map[string][]specs.LinuxIDMapping{"linux.uidMappings": l.UIDMappings, "linux.gidMappings": l.GIDMappings} {
			if _, mapped := namespace.HostID(0, maps); !mapped {
				refuse(path, "must map id 0 of the container, because berth prepares the container inside its user namespace")
			}
		}
	}
	if seccompNotifies(l.Seccomp) && l.Seccomp.ListenerPath == "" {
		refuse("linux.seccomp.listenerPath", "must be set, because a rule has the action SCMP_ACT_NOTIFY")
	}
	if _, kind := spec.Namespace(s, specs.NetworkNamespace); len(l.NetDevices) > 0 && kind == spec.Host {
		refuse("linux.netDevices", "unable to move network devices without a NET namespace: linux.namespaces must have network")
	}
	return ps
}

func seccompNotifies(s *specs.LinuxSeccomp) bool {
	return s != nil && slices.ContainsFunc(s.Syscalls, func(c specs.LinuxSyscall) bool { return c.Action == specs.ActNotify })
}
