package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// newer warns of properties that are newer than the config's minor version. A runtime that knows
// only that version would ignore them.
func (c *checker) newer(minor int) {
	since := func(m int, version, path string, present bool) {
		if present && minor < m {
			c.warnf(path, "was added in version %s, but ociVersion is %s", version, c.s.Version)
		}
	}
	s := c.s
	if minor >= newest {
		return
	}
	since(1, "1.1.0", "domainname", s.Domainname != "")
	since(3, "1.3.0", "freebsd", s.FreeBSD != nil)
	if p := s.Process; p != nil {
		since(1, "1.1.0", "process.scheduler", p.Scheduler != nil)
		since(1, "1.1.0", "process.ioPriority", p.IOPriority != nil)
		since(2, "1.2.1", "process.execCPUAffinity", p.ExecCPUAffinity != nil)
	}
	for i, m := range s.Mounts {
		since(1, "1.1.0", at("mounts", i)+".uidMappings", len(m.UIDMappings) > 0)
		since(1, "1.1.0", at("mounts", i)+".gidMappings", len(m.GIDMappings) > 0)
		since(2, "1.2.0", at("mounts", i)+".options", slices.Contains(m.Options, "idmap") || slices.Contains(m.Options, "ridmap"))
	}
	l := s.Linux
	if l == nil {
		return
	}
	since(1, "1.1.0", "linux.timeOffsets", len(l.TimeOffsets) > 0)
	since(3, "1.3.0", "linux.netDevices", len(l.NetDevices) > 0)
	since(3, "1.3.0", "linux.memoryPolicy", l.MemoryPolicy != nil)
	if r := l.IntelRdt; r != nil {
		since(3, "1.3.0", "linux.intelRdt.schemata", len(r.Schemata) > 0)
		since(3, "1.3.0", "linux.intelRdt.enableMonitoring", r.EnableMonitoring)
	}
	for i, ns := range l.Namespaces {
		since(1, "1.1.0", at("linux.namespaces", i), ns.Type == specs.TimeNamespace)
	}
	if r := l.Resources; r != nil {
		since(1, "1.1.0", "linux.resources.unified", len(r.Unified) > 0)
		since(1, "1.1.0", "linux.resources.cpu.burst", r.CPU != nil && r.CPU.Burst != nil)
		since(1, "1.1.0", "linux.resources.cpu.idle", r.CPU != nil && r.CPU.Idle != nil)
		since(1, "1.1.0", "linux.resources.memory.checkBeforeUpdate", r.Memory != nil && r.Memory.CheckBeforeUpdate != nil)
	}
	if sc := l.Seccomp; sc != nil {
		since(1, "1.1.0", "linux.seccomp.defaultErrnoRet", sc.DefaultErrnoRet != nil)
		since(1, "1.1.0", "linux.seccomp.listenerPath", sc.ListenerPath != "")
		since(1, "1.1.0", "linux.seccomp.listenerMetadata", sc.ListenerMetadata != "")
		since(1, "1.1.0", "linux.seccomp.flags", slices.Contains(sc.Flags, specs.LinuxSeccompFlagWaitKillableRecv))
		for i, call := range sc.Syscalls {
			if minor >= 1 {
				break
			}
			since(1, "1.1.0", at("linux.seccomp.syscalls", i)+".errnoRet", call.ErrnoRet != nil)
			since(1, "1.1.0", at("linux.seccomp.syscalls", i)+".action",
				call.Action == specs.ActNotify || call.Action == specs.ActKillProcess || call.Action == specs.ActKillThread)
		}
	}
}
