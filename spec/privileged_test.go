package spec

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestPrivileged(t *testing.T) {
	namespaces := func(types ...specs.LinuxNamespaceType) *specs.Linux {
		l := &specs.Linux{}
		for _, t := range types {
			l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: t})
		}
		return l
	}
	private := namespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.MountNamespace)
	joined := namespaces(specs.PIDNamespace, specs.IPCNamespace)
	joined.Namespaces = append(joined.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/proc/9/ns/net"})
	caps := func(names []string) *specs.Process {
		return &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: names}}
	}
	for name, c := range map[string]struct {
		spec specs.Spec
		want bool
	}{
		"private":          {specs.Spec{Linux: private}, false},
		"joined":           {specs.Spec{Linux: joined}, false},
		"host's network":   {specs.Spec{Linux: namespaces(specs.PIDNamespace, specs.IPCNamespace)}, true},
		"host's pids":      {specs.Spec{Linux: namespaces(specs.NetworkNamespace, specs.IPCNamespace)}, true},
		"host's ipc":       {specs.Spec{Linux: namespaces(specs.NetworkNamespace, specs.PIDNamespace)}, true},
		"all capabilities": {specs.Spec{Linux: private, Process: caps(append([]string{"CAP_BPF"}, everyCapability...))}, true},
		"all but one":      {specs.Spec{Linux: private, Process: caps(everyCapability[1:])}, false},
		"not Linux":        {specs.Spec{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Privileged(&c.spec); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
