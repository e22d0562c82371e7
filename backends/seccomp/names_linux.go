package seccomp

import (
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// flagTSYNC is in old profiles, but not in the specification. Every runtime accepts it. It has no
// effect here: the thread that loads the filter is the one that calls execve, and execve ends all
// other threads.
const flagTSYNC = specs.LinuxSeccompFlag("SECCOMP_FILTER_FLAG_TSYNC")

var flagBits = map[specs.LinuxSeccompFlag]uint32{
	flagTSYNC:                              0,
	specs.LinuxSeccompFlagLog:              unix.SECCOMP_FILTER_FLAG_LOG,
	specs.LinuxSeccompFlagSpecAllow:        unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	specs.LinuxSeccompFlagWaitKillableRecv: unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}

// auditArchs maps the specification's names to the architecture in the kernel's struct seccomp_data
// (linux/audit.h). x32 has no value of its own: its calls appear as x86_64 with bit 30 of the
// number set.
var auditArchs = map[specs.Arch]uint32{
	specs.ArchX86:         unix.AUDIT_ARCH_I386,
	specs.ArchX86_64:      unix.AUDIT_ARCH_X86_64,
	specs.ArchX32:         unix.AUDIT_ARCH_X86_64,
	specs.ArchARM:         unix.AUDIT_ARCH_ARM,
	specs.ArchAARCH64:     unix.AUDIT_ARCH_AARCH64,
	specs.ArchMIPS:        unix.AUDIT_ARCH_MIPS,
	specs.ArchMIPS64:      unix.AUDIT_ARCH_MIPS64,
	specs.ArchMIPS64N32:   unix.AUDIT_ARCH_MIPS64N32,
	specs.ArchMIPSEL:      unix.AUDIT_ARCH_MIPSEL,
	specs.ArchMIPSEL64:    unix.AUDIT_ARCH_MIPSEL64,
	specs.ArchMIPSEL64N32: unix.AUDIT_ARCH_MIPSEL64N32,
	specs.ArchPPC:         unix.AUDIT_ARCH_PPC,
	specs.ArchPPC64:       unix.AUDIT_ARCH_PPC64,
	specs.ArchPPC64LE:     unix.AUDIT_ARCH_PPC64LE,
	specs.ArchS390:        unix.AUDIT_ARCH_S390,
	specs.ArchS390X:       unix.AUDIT_ARCH_S390X,
	specs.ArchPARISC:      unix.AUDIT_ARCH_PARISC,
	specs.ArchPARISC64:    unix.AUDIT_ARCH_PARISC64,
	specs.ArchRISCV64:     unix.AUDIT_ARCH_RISCV64,
	specs.ArchLOONGARCH64: unix.AUDIT_ARCH_LOONGARCH64,
	specs.ArchM68K:        unix.AUDIT_ARCH_M68K,
	specs.ArchSH:          unix.AUDIT_ARCH_SHEL,
	specs.ArchSHEB:        unix.AUDIT_ARCH_SH,
}

// actionNames are the specification's actions. compile_linux.go maps them to libseccomp's.
var actionNames = []specs.LinuxSeccompAction{
	specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActErrno, specs.ActTrace,
	specs.ActAllow, specs.ActLog, specs.ActNotify,
}

var operatorNames = []specs.LinuxSeccompOperator{
	specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan,
	specs.OpMaskedEqual,
}

// Actions returns the actions that Compile knows, sorted, for `features`.
func Actions() []string { return sorted(actionNames) }

// Operators returns the comparison operators that Compile knows, sorted.
func Operators() []string { return sorted(operatorNames) }

// Archs returns the architectures that Compile knows, sorted.
func Archs() []string { return sorted(slices.Collect(maps.Keys(auditArchs))) }

// KnownFlags returns the filter flags that Compile knows, sorted.
func KnownFlags() []string { return sorted(slices.Collect(maps.Keys(flagBits))) }

// SupportedFlags returns the KnownFlags that the running kernel supports.
func SupportedFlags() []string {
	var known []specs.LinuxSeccompFlag
	for name, bit := range flagBits {
		if bit == 0 || flagSupported(bit) {
			known = append(known, name)
		}
	}
	return sorted(known)
}

func sorted[S ~string](names []S) []string {
	list := make([]string, 0, len(names))
	for _, n := range names {
		list = append(list, string(n))
	}
	slices.Sort(list)
	return list
}
