package seccomp

import (
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// flagTSYNC is not in the specification, but in old profiles; every runtime takes it. It means nothing here: the filter
// is loaded by the thread that execs, and execve ends the others.
const flagTSYNC = specs.LinuxSeccompFlag("SECCOMP_FILTER_FLAG_TSYNC")

var flagBits = map[specs.LinuxSeccompFlag]uint32{
	flagTSYNC:                              0,
	specs.LinuxSeccompFlagLog:              unix.SECCOMP_FILTER_FLAG_LOG,
	specs.LinuxSeccompFlagSpecAllow:        unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	specs.LinuxSeccompFlagWaitKillableRecv: unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}

// auditArchs maps the names of the specification to the architecture that the kernel puts into struct seccomp_data
// (linux/audit.h). x32 has none of its own: its calls come as x86_64 with bit 30 of the number set.
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

// actionNames are the actions of the specification; what they are to libseccomp is in compile_linux.go.
var actionNames = []specs.LinuxSeccompAction{
	specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActErrno, specs.ActTrace,
	specs.ActAllow, specs.ActLog, specs.ActNotify,
}

var operatorNames = []specs.LinuxSeccompOperator{
	specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan,
	specs.OpMaskedEqual,
}

// Actions lists the actions that Compile knows, sorted: what `features` reports.
func Actions() []string { return sorted(actionNames) }

// Operators lists the comparison operators that Compile knows, sorted.
func Operators() []string { return sorted(operatorNames) }

// Archs lists the architectures that Compile knows, sorted.
func Archs() []string { return sorted(slices.Collect(maps.Keys(auditArchs))) }

// KnownFlags lists the filter flags that Compile knows, sorted.
func KnownFlags() []string { return sorted(slices.Collect(maps.Keys(flagBits))) }

// SupportedFlags lists those of KnownFlags that the running kernel takes.
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
