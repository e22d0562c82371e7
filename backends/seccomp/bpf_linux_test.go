package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// call is a system call as a filter sees it (struct seccomp_data).
type call struct {
	arch   uint32
	number int
	args   [6]uint64
}

// decide runs a filter program on a call and returns the action, as the kernel would. It knows the
// instructions that libseccomp and the stub use, and fails the test at any other.
func decide(t testing.TB, program []byte, c call) uint32 {
	t.Helper()
	data := binary.NativeEndian.AppendUint32(nil, uint32(c.number))
	data = binary.NativeEndian.AppendUint32(data, c.arch)
	data = binary.NativeEndian.AppendUint64(data, 0)
	for _, a := range c.args {
		data = binary.NativeEndian.AppendUint64(data, a)
	}
	var acc uint32
	for pc := 0; ; pc++ {
		in := program[pc*instructionSize:]
		code, jt, jf := binary.NativeEndian.Uint16(in), int(in[2]), int(in[3])
		k := binary.NativeEndian.Uint32(in[4:])
		branch := func(yes bool) {
			if yes {
				pc += jt
			} else {
				pc += jf
			}
		}
		switch code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.NativeEndian.Uint32(data[k:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= k
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(k)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			branch(acc == k)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			branch(acc > k)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			branch(acc >= k)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			branch(acc&k != 0)
		case unix.BPF_RET | unix.BPF_K:
			return k
		default:
			t.Fatalf("instruction %d: unexpected code %#x", pc, code)
		}
	}
}
