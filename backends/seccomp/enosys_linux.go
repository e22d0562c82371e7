//go:build cgo

package seccomp

import (
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// forbids reports whether a default action prevents a system call. It does not for ActTrace: the
// tracer decides about new calls itself.
func forbids(def libseccomp.ScmpAction) bool {
	switch def & 0xffff {
	case libseccomp.ActAllow, libseccomp.ActLog, libseccomp.ActTrace:
		return false
	}
	return def != libseccomp.ActErrno.SetReturnCode(int16(unix.ENOSYS))
}

// limit holds the highest system call numbers that a profile names on one audit architecture; 0
// means that it names none.
type limit struct {
	native uint32
	// x32 is the highest number of the x32 ABI, with x32Bit set, on x86_64 only.
	x32 uint32
	// zero is true on s390, where the kernel reports a system call that it does not know as number
	// 0. There, numbers above 255 are passed through system call 0, setup(2).
	zero bool
}

// newest returns for each audit architecture of the filter the highest number that the profile
// names.
func newest(calls []specs.LinuxSyscall, archs map[libseccomp.ScmpArch]uint32) map[uint32]limit {
	limits := map[uint32]limit{}
	for arch, audit := range archs {
		var highest libseccomp.ScmpSyscall
		for i := range calls {
			for _, name := range calls[i].Names {
				if n, err := libseccomp.GetSyscallFromNameByArch(name, arch); err == nil {
					highest = max(highest, n)
				}
			}
		}
		l := limits[audit]
		if arch == libseccomp.ArchX32 {
			l.x32 = uint32(highest)
		} else {
			l.native = uint32(highest)
		}
		l.zero = arch == libseccomp.ArchS390 || arch == libseccomp.ArchS390X
		limits[audit] = l
	}
	return limits
}

// enosysStub makes the program that precedes libseccomp's. It returns ENOSYS for numbers above the
// limits and passes all others on to libseccomp's program.
func enosysStub(limits map[uint32]limit) []byte {
	const (
		load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		ret     = unix.BPF_RET | unix.BPF_K
		equal   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		greater = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
		bits    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		jump    = unix.BPF_JMP | unix.BPF_JA
		enosys  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	// Build the sections from the last to the first, because each ends with a jump over all later
	// ones.
	var tail []unix.SockFilter
	for _, audit := range slices.Backward(slices.Sorted(maps.Keys(limits))) {
		l := limits[audit]
		if l.native == 0 && l.x32 == 0 {
			continue
		}
		section := []unix.SockFilter{{Code: load, K: dataNumber}}
		if l.zero {
			section = append(section, unix.SockFilter{Code: equal, K: 0, Jf: 1}, unix.SockFilter{Code: ret, K: enosys})
		}
		over := func(highest uint32) []unix.SockFilter {
			if highest == 0 {
				return nil
			}
			return []unix.SockFilter{{Code: greater, K: highest, Jf: 1}, {Code: ret, K: enosys}}
		}
		native, x32 := over(l.native), over(l.x32)
		if audit == unix.AUDIT_ARCH_X86_64 {
			// Numbers of the other ABI skip the check for this one: libseccomp refuses an ABI that
			// is not in the filter.
			if x32 == nil {
				section = append(section, unix.SockFilter{Code: bits, K: x32Bit, Jt: uint8(len(native))})
			} else {
				native = append(native, unix.SockFilter{Code: jump, K: uint32(len(x32))})
				section = append(section, unix.SockFilter{Code: bits, K: x32Bit, Jt: uint8(len(native))})
			}
		}
		section = append(append(section, native...), x32...)
		section = append(section, unix.SockFilter{Code: jump, K: uint32(len(tail))})
		head := unix.SockFilter{Code: equal, K: audit, Jf: uint8(len(section))}
		tail = append(append([]unix.SockFilter{head}, section...), tail...)
		// After a section that does not match, the accumulator still contains the architecture.
	}
	if tail == nil {
		return nil
	}
	return assemble(append([]unix.SockFilter{{Code: load, K: dataArch}}, tail...))
}
