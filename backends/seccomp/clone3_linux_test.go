//go:build cgo

package seccomp

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestWithoutClone3 checks that clone3 fails with ENOSYS on every architecture, whatever the
// profile says about it, and that all other calls are decided as before.
func TestWithoutClone3(t *testing.T) {
	t.Parallel()
	const enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	allows, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActLog, Syscalls: []specs.LinuxSyscall{{Names: []string{"clone3"}, Action: specs.ActAllow}}})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := Compile(moderate(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*Filter{"none": nil, "one that allows it": allows, "an engine's": profile} {
		without := f.WithoutClone3()
		for _, arch := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM} {
			for number := range 600 {
				c := call{arch: arch, number: number}
				want := uint32(unix.SECCOMP_RET_ALLOW)
				if f != nil {
					want = decide(t, f.Program, c)
				}
				if number == unix.SYS_CLONE3 {
					want = enosys
				}
				if got := decide(t, without.Program, c); got != want {
					t.Errorf("%s: call %d of %#x: %#x, want %#x", name, number, arch, got, want)
				}
			}
		}
		if got := decide(t, without.Program, call{arch: unix.AUDIT_ARCH_X86_64, number: x32Clone3}); got != enosys {
			t.Errorf("%s: the x32 ABI's: %#x", name, got)
		}
		if f != nil && (without.Flags != f.Flags || without.Listener != f.Listener || slices.Equal(without.Program, f.Program)) {
			t.Errorf("%s: %+v of %+v", name, without, f)
		}
		if permits := without.Permits(Call{Number: unix.SYS_CLONE}); permits != (f == nil || f.Permits(Call{Number: unix.SYS_CLONE})) {
			t.Errorf("%s: Permits of clone is %v", name, permits)
		}
	}
}
