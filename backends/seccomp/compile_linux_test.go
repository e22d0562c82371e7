//go:build cgo

package seccomp

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	allow       = uint32(unix.SECCOMP_RET_ALLOW)
	killThread  = uint32(unix.SECCOMP_RET_KILL_THREAD)
	killProcess = uint32(unix.SECCOMP_RET_KILL_PROCESS)
	trap        = uint32(unix.SECCOMP_RET_TRAP)
	logged      = uint32(unix.SECCOMP_RET_LOG)
	notify      = uint32(unix.SECCOMP_RET_USER_NOTIF)
	trace       = uint32(unix.SECCOMP_RET_TRACE)
)

func errno(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

func ptr(n uint) *uint { return &n }

func rule(act specs.LinuxSeccompAction, names ...string) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: names, Action: act}
}

func (c call) with(args ...uint64) call {
	copy(c.args[:], args)
	return c
}

// x64, x86, x32 and arm are calls by number on these architectures. The decisions are about data,
// so the tests are the same on every machine. Only the native architecture, which is in every
// filter, depends on the machine.
func x64(n int) call { return call{arch: unix.AUDIT_ARCH_X86_64, number: n} }
func x86(n int) call { return call{arch: unix.AUDIT_ARCH_I386, number: n} }
func x32(n int) call { return call{arch: unix.AUDIT_ARCH_X86_64, number: n | 0x40000000} }
func arm(n int) call { return call{arch: unix.AUDIT_ARCH_ARM, number: n} }

// System call numbers on x86_64 and x86 (asm/unistd_64.h, asm/unistd_32.h).
const (
	read64, write64, getpid64, socket64, chmod64, openat2No, clone64 = 0, 1, 39, 41, 90, 437, 56
	write86, getpid86, chmod86, socketcall86, socket86               = 4, 20, 15, 102, 359
)

func TestDecisions(t *testing.T) {
	t.Parallel()
	all := []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
	x64Only := []specs.Arch{specs.ArchX86_64}
	type want struct {
		call   call
		action uint32
	}
	for _, tt := range []struct {
		name    string
		profile specs.LinuxSeccomp
		want    []want
	}{
		{
			name: "every action",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActKill, "getpid"), rule(specs.ActKillThread, "getppid"), rule(specs.ActKillProcess, "getuid"),
				rule(specs.ActTrap, "geteuid"), rule(specs.ActErrno, "getgid"), rule(specs.ActTrace, "getegid"),
				rule(specs.ActLog, "getsid"), rule(specs.ActNotify, "getpgid"),
			}},
			want: []want{
				{x64(39), killThread}, {x64(110), killThread}, {x64(102), killProcess}, {x64(107), trap},
				{x64(104), errno(unix.EPERM)}, {x64(108), trace | uint32(unix.EPERM)}, {x64(124), logged}, {x64(121), notify},
				{x64(read64), allow}, {x64(100000), allow},
				{x86(getpid86), killThread}, {arm(getpid86), killThread},
			},
		},
		{
			name: "errno of the rule, of the default, and none",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(uint(unix.ENOTTY)), Architectures: x64Only,
				Syscalls: []specs.LinuxSyscall{
					{Names: []string{"getpid"}, Action: specs.ActErrno, ErrnoRet: ptr(0)},
					{Names: []string{"chmod"}, Action: specs.ActErrno, ErrnoRet: ptr(4094)},
					{Names: []string{"socket"}, Action: specs.ActTrace, ErrnoRet: ptr(0xfff0)},
					rule(specs.ActErrno, "clone"), rule(specs.ActAllow, "read", "openat2"),
				}},
			want: []want{
				{x64(getpid64), errno(0)}, {x64(chmod64), errno(4094)}, {x64(socket64), trace | 0xfff0}, {x64(clone64), errno(unix.EPERM)},
				{x64(read64), allow}, {x64(write64), errno(unix.ENOTTY)},
			},
		},
		{
			name: "conditions on different arguments are one rule",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"socket"}, Action: specs.ActErrno, ErrnoRet: ptr(22), Args: []specs.LinuxSeccompArg{
					{Index: 0, Value: 16, Op: specs.OpEqualTo}, {Index: 2, Value: 9, Op: specs.OpEqualTo}}},
			}},
			want: []want{
				{x64(socket64).with(16, 3, 9), errno(22)}, {x64(socket64).with(16, 3, 0), allow}, {x64(socket64).with(2, 3, 9), allow},
			},
		},
		{
			name: "conditions on the same argument are rules of their own",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"socket"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
					{Index: 0, Value: 1, Op: specs.OpEqualTo}, {Index: 0, Value: 2, Op: specs.OpEqualTo}}},
			}},
			want: []want{
				{x64(socket64).with(1), allow}, {x64(socket64).with(2), allow}, {x64(socket64).with(3), errno(unix.EPERM)},
			},
		},
		{
			name: "every operator, on 64 bits",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				arg("read", specs.OpNotEqual, 1<<40, 0), arg("write", specs.OpLessThan, 1<<40, 0),
				arg("getpid", specs.OpLessEqual, 1<<40, 0), arg("socket", specs.OpGreaterEqual, 1<<40, 0),
				arg("chmod", specs.OpGreaterThan, 1<<40, 0), arg("clone", specs.OpMaskedEqual, 0x7e020000, 0),
			}},
			want: []want{
				{x64(read64).with(1 << 40), errno(1)}, {x64(read64).with(0), allow},
				{x64(write64).with(1<<40 - 1), allow}, {x64(write64).with(1 << 40), errno(1)},
				{x64(getpid64).with(1 << 40), allow}, {x64(getpid64).with(1<<40 + 1), errno(1)},
				{x64(socket64).with(1 << 40), allow}, {x64(socket64).with(1<<40 - 1), errno(1)},
				{x64(chmod64).with(1<<40 + 1), allow}, {x64(chmod64).with(1 << 40), errno(1)},
				{x64(clone64).with(0x11), allow}, {x64(clone64).with(0x10000000 | 0x11), errno(1)},
			},
		},
		{
			name: "rules hold on all architectures of the filter, by name",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: all, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActErrno, "chmod"), rule(specs.ActKillProcess, "socket"),
			}},
			want: []want{
				{x64(chmod64), errno(unix.EPERM)}, {x86(chmod86), errno(unix.EPERM)}, {x32(chmod64), errno(unix.EPERM)},
				{x64(socket64), killProcess}, {x86(socket86), killProcess}, {x86(socketcall86).with(1), killProcess},
				{x86(socketcall86).with(2), allow}, {x32(read64), allow}, {arm(1), killThread},
			},
		},
		{
			name: "newer calls than the profile knows: ENOSYS, on each architecture",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActAllow, "read", "write", "chmod"), rule(specs.ActErrno, "getpid"),
			}},
			want: []want{
				{x64(chmod64), allow}, {x64(89), errno(unix.EPERM)}, {x64(91), errno(unix.ENOSYS)}, {x64(1 << 29), errno(unix.ENOSYS)},
				{x86(write86), allow}, {x86(19), errno(unix.EPERM)}, {x86(21), errno(unix.ENOSYS)},
				{x32(89), errno(unix.EPERM)}, {x32(91), errno(unix.ENOSYS)}, {arm(91), killThread},
			},
		},
		{
			name: "x32 without being asked for is a bad architecture",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActAllow, "read", "write"),
			}},
			want: []want{{x32(read64), killThread}, {x32(1000), killThread}, {x64(2), errno(unix.ENOSYS)}},
		},
		{
			name: "x32 alone beside the native architecture",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX32, specs.ArchARM},
				Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, "chmod")}},
			want: []want{{x32(chmod64), allow}, {x32(91), errno(unix.ENOSYS)}, {arm(15), allow}, {arm(16), errno(unix.ENOSYS)}},
		},
		{
			name: "a default of ENOSYS, and one that kills",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActAllow, "read", "write", "clone")}},
			want: []want{{x64(55), killProcess}, {x64(57), errno(unix.ENOSYS)}, {x64(read64), allow}},
		},
		{
			name: "unknown names, rules that say the default, no names",
			profile: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: x64Only, Syscalls: []specs.LinuxSyscall{
				rule(specs.ActAllow, "no_such_call", "read", "fanotify_of_2040"), rule(specs.ActErrno, "write"), rule(specs.ActAllow)}},
			want: []want{{x64(read64), allow}, {x64(write64), errno(unix.EPERM)}, {x64(2), errno(unix.ENOSYS)}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := Compile(&tt.profile)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.want {
				if got := decide(t, f.Program, w.call); got != w.action {
					t.Errorf("%+v: action %#x, want %#x", w.call, got, w.action)
				}
			}
		})
	}
}

func arg(name string, op specs.LinuxSeccompOperator, value, two uint64) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: specs.ActAllow,
		Args: []specs.LinuxSeccompArg{{Index: 0, Op: op, Value: value, ValueTwo: two}}}
}

func TestNothingAsked(t *testing.T) {
	t.Parallel()
	for _, s := range []*specs.LinuxSeccomp{nil, {}, {Flags: []specs.LinuxSeccompFlag{}}} {
		f, err := Compile(s)
		if f != nil || err != nil {
			t.Errorf("Compile(%v) = %v, %v; want no filter and no error", s, f, err)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	notifying := []specs.LinuxSyscall{rule(specs.ActNotify, "mkdir")}
	for _, tt := range []struct {
		name     string
		flags    []specs.LinuxSeccompFlag
		syscalls []specs.LinuxSyscall
		want     uint32
	}{
		{"none named", nil, nil, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"an empty list", []specs.LinuxSeccompFlag{}, nil, 0},
		{"TSYNC means nothing", []specs.LinuxSeccompFlag{flagTSYNC}, nil, 0},
		{"log", []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}, nil, unix.SECCOMP_FILTER_FLAG_LOG},
		{"two", []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagLog}, nil,
			unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_LOG},
		{"wait killable", []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, notifying,
			unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: tt.flags, Syscalls: tt.syscalls})
			if err != nil {
				t.Fatal(err)
			}
			if f.Flags != tt.want || f.Listener != (tt.syscalls != nil) {
				t.Errorf("flags %#x, listener %t; want %#x", f.Flags, f.Listener, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	with := func(call specs.LinuxSyscall) specs.LinuxSeccomp {
		return specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "getpid"), call}}
	}
	for _, tt := range []struct {
		name    string
		profile specs.LinuxSeccomp
		want    string
	}{
		{"default action", specs.LinuxSeccomp{DefaultAction: "ALLOW"}, `linux.seccomp.defaultAction: unknown action "ALLOW"`},
		{"no default action", specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "read")}},
			`linux.seccomp.defaultAction: unknown action ""`},
		{"default notify", specs.LinuxSeccomp{DefaultAction: specs.ActNotify}, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY"},
		{"default errno for allow", specs.LinuxSeccomp{DefaultAction: specs.ActAllow, DefaultErrnoRet: ptr(1)},
			"linux.seccomp.defaultErrnoRet: the action SCMP_ACT_ALLOW cannot return an errno"},
		{"architecture", specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_X86", "SCMP_ARCH_PDP11"}},
			`linux.seccomp.architectures[1]: unknown architecture "SCMP_ARCH_PDP11"`},
		{"flag", specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_X"}},
			`linux.seccomp.flags[0]: unknown flag "SECCOMP_FILTER_FLAG_X"`},
		{"wait killable alone", specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
			Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}}, "linux.seccomp.flags[0]:"},
		{"action", with(rule("SCMP_ACT_HUG", "read")), `linux.seccomp.syscalls[1].action: unknown action "SCMP_ACT_HUG"`},
		{"errno for kill", with(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActKill, ErrnoRet: ptr(1)}),
			"linux.seccomp.syscalls[1].errnoRet: the action SCMP_ACT_KILL cannot"},
		{"errno too big", with(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno, ErrnoRet: ptr(4095)}),
			"linux.seccomp.syscalls[1].errnoRet: 4095 is not an errno"},
		{"trace code too big", with(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActTrace, ErrnoRet: ptr(65536)}),
			"linux.seccomp.syscalls[1].errnoRet: 65536 does not fit"},
		{"empty name", with(rule(specs.ActErrno, "read", "")), "linux.seccomp.syscalls[1].names[1]: an empty string"},
		{"notify for write", with(rule(specs.ActNotify, "write")), "linux.seccomp.syscalls[1].names[0]: SCMP_ACT_NOTIFY cannot"},
		{"operator", with(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Op: specs.OpEqualTo}, {Op: "SCMP_CMP_LIKE"}}}),
			`linux.seccomp.syscalls[1].args[1].op: unknown operator "SCMP_CMP_LIKE"`},
		{"argument", with(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}), "linux.seccomp.syscalls[1].args[0].index: 6 is not"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := Compile(&tt.profile)
			if err == nil {
				t.Fatalf("a filter of %d bytes, want an error", len(f.Program))
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}

// TestPassed checks that Passed warns about a rule that forbids a call under a name that libseccomp
// does not have, unless the call fails anyway.
func TestPassed(t *testing.T) {
	t.Parallel()
	var many []string
	for range 500 {
		many = append(many, "nosuch_call")
	}
	for _, tt := range []struct {
		name string
		def  specs.LinuxSeccompAction
		rule specs.LinuxSyscall
		want []string // parts of the only warning; nil: no warning
	}{
		{"known", specs.ActAllow, rule(specs.ActErrno, "read", "getpid"), nil},
		{"another architecture's", specs.ActAllow, rule(specs.ActErrno, "socketcall"), nil},
		{"forbidden", specs.ActAllow, rule(specs.ActErrno, "read", "nosuch_call", "other_call"),
			[]string{"linux.seccomp.syscalls[1].names: ignored: ", `does not know "nosuch_call", "other_call", `, "SCMP_ACT_ERRNO"}},
		{"asked about", specs.ActLog, rule(specs.ActNotify, "nosuch_call"), []string{"linux.seccomp.syscalls[1].names: ", "SCMP_ACT_NOTIFY"}},
		{"allowed", specs.ActErrno, rule(specs.ActAllow, "nosuch_call"), nil},
		{"logged", specs.ActAllow, rule(specs.ActLog, "nosuch_call"), nil},
		{"forbidden anyway", specs.ActKillProcess, rule(specs.ActErrno, "nosuch_call"), nil},
		{"many", specs.ActAllow, rule(specs.ActErrno, many...), []string{` and 4`, " more, so SCMP_ACT_ERRNO"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Passed(&specs.LinuxSeccomp{DefaultAction: tt.def, Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, "getppid"), tt.rule}})
			if tt.want == nil {
				if len(got) > 0 {
					t.Errorf("warned: %q", got)
				}
				return
			}
			if len(got) != 1 || len(got[0].Error()) > 600 {
				t.Fatalf("got %q", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got[0].Error(), want) {
					t.Errorf("got %q, want %q", got[0], want)
				}
			}
		})
	}
	if got := Passed(nil); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}

// TestWithoutNotify checks that WithoutNotify changes only the calls with SCMP_ACT_NOTIFY.
func TestWithoutNotify(t *testing.T) {
	t.Parallel()
	profile := specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86},
		Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv, specs.LinuxSeccompFlagLog},
		Syscalls: []specs.LinuxSyscall{
			rule(specs.ActNotify, "chmod"), rule(specs.ActKillProcess, "getpid"), {Names: []string{"write"}, Action: specs.ActErrno, ErrnoRet: ptr(0x7fc)},
		},
	}
	f, err := Compile(&profile)
	if err != nil {
		t.Fatal(err)
	}
	withoutNotify := f.WithoutNotify()
	if withoutNotify.Listener || withoutNotify.Flags != unix.SECCOMP_FILTER_FLAG_LOG {
		t.Errorf("listener %t, flags %#x", withoutNotify.Listener, withoutNotify.Flags)
	}
	for c, want := range map[call]uint32{
		x64(chmod64): errno(unix.EPERM), x86(chmod86): errno(unix.EPERM), x64(getpid64): killProcess, x64(write64): errno(0x7fc), x64(read64): allow,
	} {
		if got := decide(t, withoutNotify.Program, c); got != want {
			t.Errorf("%+v: action %#x, want %#x", c, got, want)
		}
	}
	if got := decide(t, f.Program, x64(chmod64)); got != notify {
		t.Errorf("the filter itself has changed: action %#x", got)
	}
	if withoutNotify.WithoutNotify() != withoutNotify {
		t.Error("a filter without a listener is another")
	}
}
