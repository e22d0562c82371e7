package jail

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// unsupported reports Linux fields that a jail cannot honour. It accepts what engines send on
// FreeBSD too and has no meaning there: an empty linux object, device rules, cgroup paths.
func unsupported(s *specs.Spec) spec.Problems {
	var ps spec.Problems
	refuse := func(is bool, path, why string) {
		if is {
			ps = append(ps, spec.Problem{Path: path, Level: spec.Error, Message: why})
		}
	}
	const none = "is not supported on FreeBSD"
	if p := s.Process; p != nil {
		refuse(p.Capabilities != nil, "process.capabilities", none+": freebsd.jail.allow sets what root may do in a jail")
		refuse(p.ApparmorProfile != "", "process.apparmorProfile", none)
		refuse(p.SelinuxLabel != "", "process.selinuxLabel", none)
		refuse(p.OOMScoreAdj != nil && *p.OOMScoreAdj != 0, "process.oomScoreAdj", none)
		refuse(p.Scheduler != nil, "process.scheduler", "is not supported by the jail backend")
		refuse(p.IOPriority != nil, "process.ioPriority", none)
		refuse(p.ExecCPUAffinity != nil, "process.execCPUAffinity", "is not supported by the jail backend")
	}
	l := s.Linux
	if l == nil {
		return ps
	}
	refuse(len(l.Namespaces) > 0, "linux.namespaces", none+": use freebsd.jail")
	refuse(len(l.UIDMappings) > 0, "linux.uidMappings", none)
	refuse(len(l.GIDMappings) > 0, "linux.gidMappings", none)
	refuse(len(l.TimeOffsets) > 0, "linux.timeOffsets", none)
	refuse(len(l.Devices) > 0, "linux.devices", none+": use freebsd.devices")
	refuse(len(l.NetDevices) > 0, "linux.netDevices", none+": use freebsd.jail.vnetInterfaces")
	refuse(len(l.Sysctl) > 0, "linux.sysctl", none)
	refuse(l.Seccomp != nil, "linux.seccomp", none)
	refuse(l.RootfsPropagation != "", "linux.rootfsPropagation", none)
	refuse(len(l.MaskedPaths) > 0, "linux.maskedPaths", none)
	refuse(len(l.ReadonlyPaths) > 0, "linux.readonlyPaths", none)
	refuse(l.MountLabel != "", "linux.mountLabel", none)
	refuse(l.IntelRdt != nil, "linux.intelRdt", none)
	refuse(l.Personality != nil, "linux.personality", none)
	refuse(l.MemoryPolicy != nil, "linux.memoryPolicy", none)
	_, problems := limitsOf(l.Resources)
	return append(ps, problems...)
}
