package seccomp

import (
	"encoding/binary"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Call is a system call that a process is going to make under a filter.
type Call struct {
	Number int
	// Args are its arguments as far as they are known: the rest, and those that
	// are nil, can have any value.
	Args []*uint64
}

// Arg is a known argument.
func Arg(value uint64) *uint64 { return &value }

// Permits tells whether the filter lets every one of the native calls through, whatever their unknown arguments are,
// and without asking a listener or a tracer. It is false, too, for a program with instructions that it does not know.
func (f *Filter) Permits(calls ...Call) bool {
	return nativeArch != 0 && f.check() == nil && !slices.ContainsFunc(calls, func(c Call) bool {
		return !f.permits(&c)
	})
}

// nativeArch is that of the calls in struct seccomp_data; 0 if it is not known here.
var nativeArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]

// The fields of struct seccomp_data (linux/seccomp.h).
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
	dataSize   = 64
)

// field is a 32-bit word of struct seccomp_data, if it is known.
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
	return 0, false // an argument, or the instruction pointer
}

// state is where the program can get to, and with what in its accumulator.
type state struct {
	at    int
	acc   uint32
	known bool
}

// permits follows all ways through the program that the call can take. They lead forwards only (linux/filter.h), and a
// way that was followed once need not be again.
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

// step is one instruction: where it leads to, or whether it lets the call through.
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
		n.acc &= k // 0 if it is not known
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
