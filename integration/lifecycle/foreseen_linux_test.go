//go:build linux && integration

package lifecycle

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestForeseen checks that validate names by its JSON path what create refuses because the host
// lacks it.
func TestForeseen(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for _, c := range []struct {
		name, path, create string
		edit               func(*specs.Spec)
	}{
		{"the source of a bind mount", "mounts[8].source", "mounts[8]", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "nosuch", Options: []string{"rbind", "ro"}})
		}},
		{"a hook", "hooks.createRuntime[0].path", "hooks.createRuntime[0]", func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/nosuch"}}}
		}},
		{"a namespace", "linux.namespaces[5].path", "linux.namespaces[5].path", suite.Share(specs.IPCNamespace, "/nosuch")},
		{"a seccomp agent", "linux.seccomp.listenerPath", "linux.seccomp.listenerPath", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/nosuch",
				Syscalls: []specs.LinuxSyscall{{Names: []string{"getcpu"}, Action: specs.ActNotify}}}
		}},
		{"CPUs", "process.execCPUAffinity.initial", "process.execCPUAffinity.initial", func(s *specs.Spec) {
			s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "100000"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", c.edit)
			o := b.berth("validate", b.bundle)
			if o.Status != 1 || !strings.Contains(o.Stdout, "error: "+c.path+": ") {
				t.Errorf("validate: %+v", o)
			}
			b.refused(c.create, b.createArgs()...)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, "true")
		if o := b.berth("validate", b.bundle); o.Status != 0 {
			t.Errorf("validate: %+v", o)
		}
	})
}
