//go:build linux && integration

package lifecycle

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestWarnings checks that berth prints one warning line on stderr for each thing that config.json
// asks for and the container does not get, and that the container runs.
func TestWarnings(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	const future = "CAP_FROM_THE_FUTURE"
	for _, c := range []struct {
		name string
		edit func(*specs.Spec)
		want []string
	}{
		{"a capability of another kernel", func(s *specs.Spec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, future)
			s.Process.Capabilities.Ambient = []string{future}
		}, []string{"process.capabilities.bounding[11]: ignored: ", "process.capabilities.ambient[0]: ignored: "}},
		{"capabilities that are not permitted", func(s *specs.Spec) {
			s.Process.Capabilities.Effective = append(s.Process.Capabilities.Effective, "CAP_NET_RAW")
			s.Process.Capabilities.Ambient = []string{"CAP_KILL"}
		}, []string{"process.capabilities.effective: cannot be granted: CAP_NET_RAW", "process.capabilities.ambient: cannot be granted: CAP_KILL"}},
		{"a system call of another kernel", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"nosuch_call"}, Action: specs.ActErrno}, {Names: []string{"getcpu"}, Action: specs.ActErrno},
			}}
		}, []string{"linux.seccomp.syscalls[0].names: ignored: "}},
		{"a profile without a default", func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{} },
			[]string{"config.json: linux.seccomp: is empty and ignored"}},
		{"limits of cgroup v1", func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Swappiness: ptr(uint64(10))}
			s.Linux.Resources.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(1))}
		}, []string{"linux.resources.memory.swappiness: ignored: cgroup v2 has no such limit", "linux.resources.network.classID: ignored"}},
		{"what is allowed anywhere else", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"nosuch_call"}, Action: specs.ActAllow},
			}}
			s.Process.Args = []string{"/nosuch"} // it is not started
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true", c.edit)
			o := b.berth(b.createArgs()...)
			if o.Status != 0 && c.want != nil {
				t.Fatalf("create: %+v", o)
			}
			if n := strings.Count(o.Stderr, "level=warning"); n != len(c.want) {
				t.Errorf("%d warnings, want %d: %s", n, len(c.want), o.Stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(o.Stderr, want) {
					t.Errorf("no %q in %s", want, o.Stderr)
				}
			}
		})
	}
	t.Run("exec", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, forever)
		b.create()
		b.start()
		o := b.berth("exec", "--cap", future, b.id, "true")
		if o.Status != 0 || !strings.Contains(o.Stderr, "level=warning") || !strings.Contains(o.Stderr, future) {
			t.Errorf("exec: %+v", o)
		}
		b.kill()
	})
}

// TestSeccompRulesWithoutNames checks that create refuses a seccomp rule without names, which
// config-linux.md, "Seccomp", makes REQUIRED. Old profiles have name instead.
func TestSeccompRulesWithoutNames(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, "true", func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: make([]specs.LinuxSyscall, 300)}
		for i := range s.Linux.Seccomp.Syscalls {
			s.Linux.Seccomp.Syscalls[i].Action = specs.ActAllow
		}
	})
	b.refused("linux.seccomp.syscalls[0].names: is required", b.createArgs()...)
}
