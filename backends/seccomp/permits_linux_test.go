//go:build cgo

package seccomp

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestPermits checks the calls that a process makes on its way into a container against several
// filters.
func TestPermits(t *testing.T) {
	t.Parallel()
	const fork = uint64(unix.SIGCHLD) | unix.CLONE_PARENT
	clone := Call{unix.SYS_CLONE, []*uint64{Arg(fork), Arg(0), nil, Arg(0), Arg(0)}}
	capset := Call{Number: unix.SYS_CAPSET}
	allow := func(names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActAllow}
	}
	when := func(name string, index uint, value, valueTwo uint64, op specs.LinuxSeccompOperator, action specs.LinuxSeccompAction) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: []string{name}, Action: action, Args: []specs.LinuxSeccompArg{{Index: index, Value: value, ValueTwo: valueTwo, Op: op}}}
	}
	errno := specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	open := specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	for _, c := range []struct {
		name  string
		base  specs.LinuxSeccomp
		rules []specs.LinuxSyscall
		calls []Call
		want  bool
	}{
		{"everything", open, []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}}, []Call{clone, capset}, true},
		{"logged", specs.LinuxSeccomp{DefaultAction: specs.ActLog}, []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}}, []Call{clone}, true},
		{"nothing", errno, nil, []Call{capset}, false},
		{"one of two", errno, []specs.LinuxSyscall{allow("capset")}, []Call{capset, clone}, false},
		{"both", errno, []specs.LinuxSyscall{allow("capset", "clone")}, []Call{capset, clone}, true},
		{"engines' rule for clone", errno, []specs.LinuxSyscall{when("clone", 0, 0x7e020000, 0, specs.OpMaskedEqual, specs.ActAllow)}, []Call{clone}, true},
		{"no parent's children", errno, []specs.LinuxSyscall{when("clone", 0, unix.CLONE_PARENT, 0, specs.OpMaskedEqual, specs.ActAllow)}, []Call{clone}, false},
		{"a pointer that may be anything", open, []specs.LinuxSyscall{when("capset", 0, 4096, 0, specs.OpEqualTo, specs.ActErrno)}, []Call{capset}, false},
		{"an argument that is known", open, []specs.LinuxSyscall{when("clone", 1, 4096, 0, specs.OpGreaterThan, specs.ActErrno)}, []Call{clone}, true},
		{"asked about", open, []specs.LinuxSyscall{{Names: []string{"capset"}, Action: specs.ActNotify}}, []Call{capset}, false},
		{"traced", open, []specs.LinuxSyscall{{Names: []string{"capset"}, Action: specs.ActTrace}}, []Call{capset}, false},
		{"killed", open, []specs.LinuxSyscall{{Names: []string{"capset"}, Action: specs.ActKillProcess}}, []Call{capset}, false},
	} {
		c.base.Syscalls = c.rules
		f, err := Compile(&c.base)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := f.Permits(c.calls...); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for name, program := range map[string][]byte{
		"empty":                  nil,
		"no whole instruction":   {1, 2, 3},
		"no end":                 instruction(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 0),
		"a jump out of it":       instruction(unix.BPF_JMP|unix.BPF_JA, 0, 0, 1<<31),
		"an instruction of maps": instruction(unix.BPF_LDX|unix.BPF_MEM, 0, 0, 0),
		"beyond the data":        instruction(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 64),
	} {
		if (&Filter{Program: program}).Permits(capset) {
			t.Errorf("%s: permits", name)
		}
	}
}

func instruction(code uint16, jt, jf byte, k uint32) []byte {
	b := append(binary.NativeEndian.AppendUint16(nil, code), jt, jf)
	return binary.NativeEndian.AppendUint32(b, k)
}

// TestPermitsIsWhatTheFilterDecides checks Permits for calls with unknown arguments against the
// decisions for concrete calls.
func TestPermitsIsWhatTheFilterDecides(t *testing.T) {
	t.Parallel()
	f, err := Compile(moderate(t))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	permitted := 0
	for n := range 500 {
		if !f.Permits(Call{Number: n}) {
			continue
		}
		permitted++
		for range 20 {
			c := call{arch: nativeArch, number: n}
			for i := range c.args {
				c.args[i] = rng.Uint64() >> rng.IntN(64)
			}
			if got := decide(t, f.Program, c); got != unix.SECCOMP_RET_ALLOW {
				t.Errorf("system call %d %x: %#x", n, c.args, got)
			}
		}
	}
	if permitted < 100 || permitted > 450 {
		t.Errorf("an engine's profile permits %d calls", permitted)
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	f := Only(unix.SYS_CLONE, unix.SYS_EXIT_GROUP)
	for n := range 500 {
		want := uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
		if n == unix.SYS_CLONE || n == unix.SYS_EXIT_GROUP {
			want = unix.SECCOMP_RET_ALLOW
		}
		if got := decide(t, f.Program, call{arch: nativeArch, number: n}); got != want {
			t.Errorf("system call %d: %#x, want %#x", n, got, want)
		}
	}
	if got := decide(t, f.Program, call{arch: unix.AUDIT_ARCH_I386, number: unix.SYS_CLONE}); got == unix.SECCOMP_RET_ALLOW {
		t.Error("a call of another architecture is let through")
	}
}
