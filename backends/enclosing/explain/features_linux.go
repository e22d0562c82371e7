package explain

import (
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/backends/seccomp"
)

// Features returns what an enclosing backend honours (features-linux.md in the runtime spec).
func Features() *features.Features {
	yes, no := true, false
	return &features.Features{
		Annotations:  map[string]string{"io.github.berth-oci.berth.lxc-sockets": guard.Feature()},
		MountOptions: rootfs.MountOptions(),
		// With these annotations a container chooses its backend and its place in the host's
		// network.
		PotentiallyUnsafeConfigAnnotations: []string{"io.github.berth-oci."},
		Linux: &features.Linux{
			Namespaces:   []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"},
			Capabilities: capabilities(),
			Cgroup:       &features.Cgroup{V1: &no, V2: &yes, Systemd: &yes, SystemdUser: &no, Rdma: &yes},
			Seccomp: &features.Seccomp{
				Enabled:        &yes,
				Actions:        words(seccomp.Actions()),
				Operators:      words(seccomp.Operators()),
				Archs:          words(seccomp.Archs()),
				KnownFlags:     words(seccomp.KnownFlags()),
				SupportedFlags: words(seccomp.SupportedFlags()),
			},
			Apparmor: &features.Apparmor{Enabled: &yes},
			Selinux:  &features.Selinux{Enabled: &yes},
			IntelRdt: &features.IntelRdt{Enabled: &yes, Schemata: &yes, Monitoring: &yes},
			MemoryPolicy: &features.MemoryPolicy{
				Modes: words(process.MemoryPolicyModes()),
				Flags: words(process.MemoryPolicyFlags()),
			},
			NetDevices:      &features.NetDevices{Enabled: &yes},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
		},
	}
}

func capabilities() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, "CAP_"+strings.ToUpper(c.String()))
	}
	return names
}

func words[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
