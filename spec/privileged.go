package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// everyCapability lists the capabilities of a container that was given all of them. It ends at
// CAP_AUDIT_READ (Linux 3.16), so engines of any age know every name.
var everyCapability = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
}

// Privileged reports whether a container has about the same power as a process on the host: it
// shares the host's pid, network or IPC namespace, or its bounding set holds every capability.
func Privileged(s *specs.Spec) bool {
	if s.Linux == nil {
		return false
	}
	for _, t := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace} {
		if _, kind := Namespace(s, t); kind == Host {
			return true
		}
	}
	if s.Process == nil || s.Process.Capabilities == nil {
		return false
	}
	for _, name := range everyCapability {
		if !slices.Contains(s.Process.Capabilities.Bounding, name) {
			return false
		}
	}
	return true
}
