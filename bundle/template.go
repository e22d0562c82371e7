package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/berth-oci/berth/spec"
)

// Template returns a config.json to start from: a shell in a terminal, with its root file system in
// rootfs and the privileges of runc's template.
func Template() *specs.Spec {
	if spec.Platform == spec.FreeBSD {
		return jailTemplate()
	}
	g := generate.NewFromSpec(&specs.Spec{Version: specs.Version})
	g.SetRootPath("rootfs")
	g.SetRootReadonly(true)
	g.SetHostname("berth")
	g.SetProcessTerminal(true)
	g.SetProcessArgs([]string{"sh"})
	g.AddProcessEnv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	g.AddProcessEnv("TERM", "xterm")
	g.SetProcessCwd("/")
	g.SetProcessNoNewPrivileges(true)
	capabilities := func() []string { return []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"} }
	g.Config.Process.Capabilities = &specs.LinuxCapabilities{Bounding: capabilities(), Effective: capabilities(), Permitted: capabilities()}
	g.AddProcessRlimits("RLIMIT_NOFILE", 1024, 1024)
	for _, m := range templateMounts() {
		g.AddMount(m)
	}
	g.Config.Linux = &specs.Linux{
		MaskedPaths: []string{
			"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
			"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
		},
		ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
		Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
		},
	}
	return g.Config
}

func templateMounts() []specs.Mount {
	mount := func(destination, kind, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Source: source, Options: options}
	}
	return []specs.Mount{
		mount("/proc", "proc", "proc"),
		mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
		mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
	}
}

// Rootless changes a template to one that needs no privileges on the host: the given user is root
// in a user namespace of the container.
func Rootless(s *specs.Spec, uid, gid uint32) {
	var namespaces []specs.LinuxNamespace
	for _, ns := range s.Linux.Namespaces {
		// An unprivileged user could not connect a new network namespace to anything.
		if ns.Type != specs.NetworkNamespace {
			namespaces = append(namespaces, ns)
		}
	}
	s.Linux.Namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uid, Size: 1}}
	s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: gid, Size: 1}}
	s.Linux.Resources = nil
	for i, m := range s.Mounts {
		switch m.Destination {
		case "/sys":
			s.Mounts[i] = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
		case "/dev/pts":
			s.Mounts[i].Options = m.Options[:len(m.Options)-1] // gid 5 is not mapped
		}
	}
}
