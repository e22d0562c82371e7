package seccomp

import (
	"encoding/binary"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Call is a system call that a process will make under a filter.
type Call struct {
	Number int
	// Args are the known arguments. Missing and nil arguments can have any value.
	Args []*uint64
}

// Arg returns a known argument.
func Arg(value uint64) *uint64 { return &value }

// Permits reports whether the filter allows all the given native calls for any value of their
// unknown arguments, and without asking a listener or a tracer. It returns false if the program has
// an instruction that Permits does not know.
func (f *Filter) Permits(calls ...Call) bool {
	return nativeArch != 0 && f.check() == nil && !slices.ContainsFunc(calls, func(c Call) bool {
		return !f.permits(&c)
	})
}

// nativeArch is the native architecture in struct seccomp_data, or 0 if this package does not know
// it.
var nativeArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]

// Offsets in struct seccomp_data (linux/seccomp.h), and its size.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
	dataSize   = 64
)

// field returns a 32-bit word of struct seccomp_data, if its value is known.
func (c *Call) field(at uint32) (value uint32, known bool) {
	switch {
	case at == dataNumber:
		return uint32(c.Number), true
	case at == dataArch:
		return nativeArch, true
	case at >= dataArgs:
		n := int(at-dataArgs) / 8
		if n < len(c.Args) && c.Args[n] != nil {
			return binary.NativeEndian.Uint32(binary.NativeEndian.AppendUint64(nil, *c.Args[n])[at%8:]), true
		}
	}
	return 0, false // an unknown argument, or the instruction pointer
}

// state is a position in the program together with the accumulator there.
type state struct {
	at    int
	acc   uint32
	known bool
}

// permits follows every path through the program that the call can take. Paths lead only forwards
// (linux/filter.h), and a path followed once need not be followed again.
func (f *Filter) permits(c *Call) bool {
	seen := map[state]bool{}
	ways := []state{{known: true}}
	for len(ways) > 0 {
		s := ways[len(ways)-1]
		ways = ways[:len(ways)-1]
		if seen[s] {
			continue
		}
		seen[s] = true
		next, allowed := f.step(s, c)
		if !allowed {
			return false
		}
		ways = append(ways, next...)
	}
	return true
}

// step executes one instruction. It returns the possible next states, or whether a return
// instruction allows the call.
func (f *Filter) step(s state, c *Call) (next []state, allowed bool) {
	if s.at < 0 || s.at >= len(f.Program)/instructionSize {
		return nil, false
	}
	in := f.Program[s.at*instructionSize:]
	code, jt, jf := binary.NativeEndian.Uint16(in), int(in[2]), int(in[3])
	k := binary.NativeEndian.Uint32(in[4:])
	to := func(skip int) state { return state{s.at + 1 + skip, s.acc, s.known} }
	branch := func(yes bool) ([]state, bool) {
		switch {
		case !s.known:
			return []state{to(jt), to(jf)}, true
		case yes:
			return []state{to(jt)}, true
		default:
			return []state{to(jf)}, true
		}
	}
	switch code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		if k%4 != 0 || k >= dataSize {
			return nil, false
		}
		n := to(0)
		n.acc, n.known = c.field(k)
		return []state{n}, true
	case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
		n := to(0)
		n.acc &= k // an unknown accumulator is 0
		return []state{n}, true
	case unix.BPF_JMP | unix.BPF_JA:
		if k >= maxInstructions {
			return nil, false
		}
		return []state{to(int(k))}, true
	case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
		return branch(s.acc == k)
	case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
		return branch(s.acc > k)
	case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
		return branch(s.acc >= k)
	case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
		return branch(s.acc&k != 0)
	case unix.BPF_RET | unix.BPF_K:
		action := k & unix.SECCOMP_RET_ACTION_FULL
		return nil, action == unix.SECCOMP_RET_ALLOW || action == unix.SECCOMP_RET_LOG
	}
	return nil, false
}
