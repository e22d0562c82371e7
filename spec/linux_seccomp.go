package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var seccompActions = []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess,
	specs.ActKillThread, specs.ActLog, specs.ActNotify, specs.ActTrace, specs.ActTrap}

var seccompArchs = []specs.Arch{specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS,
	specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC,
	specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC, specs.ArchPARISC64,
	specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB}

var seccompOperators = []specs.LinuxSeccompOperator{specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
	specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual}

// seccomp checks config-linux.md#seccomp.
func (c *checker) seccomp(s *specs.LinuxSeccomp) {
	if s == nil {
		return
	}
	const path = "linux.seccomp"
	if s.DefaultAction == "" && len(s.Syscalls) == 0 {
		c.ignoref(path, "is empty and ignored: defaultAction is required")
		return
	}
	if oneOf(c, path+".defaultAction", s.DefaultAction, seccompActions...) {
		c.errnoRet(path+".defaultErrnoRet", s.DefaultAction, s.DefaultErrnoRet)
	}
	if s.DefaultAction == specs.ActNotify {
		c.errorf(path+".defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action: the listener's descriptor could not be sent to the agent")
	}
	for i, a := range s.Architectures {
		oneOf(c, at(path+".architectures", i), a, seccompArchs...)
	}
	for i, f := range s.Flags {
		oneOf(c, at(path+".flags", i), f, "SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog,
			specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv)
	}
	if s.ListenerPath != "" && s.ListenerPath[0] != '/' {
		c.warnf(path+".listenerPath", "should be an absolute path, not %s", quote(s.ListenerPath))
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.errorf(path+".listenerMetadata", "must not be set without listenerPath")
	}
	for i := range s.Syscalls {
		c.syscall(at(path+".syscalls", i), s, &s.Syscalls[i])
	}
}

func (c *checker) syscall(path string, s *specs.LinuxSeccomp, call *specs.LinuxSyscall) {
	if len(call.Names) == 0 {
		c.errorf(path+".names", "is required and must name at least one system call")
	}
	if i := slices.Index(call.Names, ""); i >= 0 {
		c.errorf(at(path+".names", i), "must be the name of a system call, but is empty")
	}
	if oneOf(c, path+".action", call.Action, seccompActions...) {
		c.errnoRet(path+".errnoRet", call.Action, call.ErrnoRet)
	}
	if call.Action == specs.ActNotify {
		if slices.Contains(call.Names, "write") {
			c.errorf(path+".names", "SCMP_ACT_NOTIFY cannot be used for the write syscall: the listener's descriptor could not be sent to the agent")
		}
		if s.ListenerPath == "" {
			c.warnf(path+".action", "SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath")
		}
	}
	for j, a := range call.Args {
		if a.Index > 5 {
			c.errorf(at(path+".args", j)+".index", "must be from 0 to 5, not %d", a.Index)
		}
		oneOf(c, at(path+".args", j)+".op", a.Op, seccompOperators...)
	}
}

// errnoRet checks the errno of an action. An errno for an action that takes none must be an error.
// The kernel has 16 bits for the value, and errno ends at 4095.
func (c *checker) errnoRet(path string, action specs.LinuxSeccompAction, code *uint) {
	switch {
	case code == nil:
	case action != specs.ActErrno && action != specs.ActTrace:
		c.errorf(path, "errno value specified for action %s: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one", action)
	case *code > 0xffff:
		c.errorf(path, "must be at most 65535, not %d", *code)
	case *code > 4095 && action == specs.ActErrno:
		c.warnf(path, "should be at most 4095, not %d", *code)
	}
}
