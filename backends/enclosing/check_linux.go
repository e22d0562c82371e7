package enclosing

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// checkStage names what the process inside cannot do yet.
func checkStage(s *specs.Spec) spec.Problems {
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
	if path, kind := spec.Namespace(s, specs.MountNamespace); kind != spec.New {
		refuse("linux.namespaces", "a mount namespace of its own is needed, not the host's or "+orNone(path))
	}
	if _, kind := spec.Namespace(s, specs.UserNamespace); kind == spec.New {
		for path, maps := range map[string][]specs.LinuxIDMapping{"linux.uidMappings": l.UIDMappings, "linux.gidMappings": l.GIDMappings} {
			if !mapsRoot(maps) {
				refuse(path, "the container's ID 0 must be mapped, or it cannot be prepared from inside its user namespace")
			}
		}
	}
	if _, kind := spec.Namespace(s, specs.TimeNamespace); kind != spec.Host {
		refuse("linux.namespaces", "a time namespace is not supported by this backend")
	}
	if len(l.TimeOffsets) > 0 {
		refuse("linux.timeOffsets", "not supported by this backend")
	}
	if l.Seccomp != nil && l.Seccomp.ListenerPath != "" {
		refuse("linux.seccomp.listenerPath", "not supported by this backend")
	}
	if l.IntelRdt != nil {
		refuse("linux.intelRdt", "not supported by this backend")
	}
	if l.MemoryPolicy != nil {
		refuse("linux.memoryPolicy", "not supported by this backend")
	}
	if len(l.NetDevices) > 0 {
		refuse("linux.netDevices", "not supported by this backend")
	}
	return ps
}

func orNone(path string) string {
	if path == "" {
		return "none"
	}
	return path
}
