package seccomp

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Filter is a compiled seccomp filter. It is plain data that can be stored in a file or sent to
// another process on the same machine.
type Filter struct {
	// Flags are SECCOMP_FILTER_FLAG_* bits of seccomp(2), without NEW_LISTENER.
	Flags uint32 `json:"flags,omitempty"`
	// Program is an array of struct sock_filter in the machine's byte order.
	Program []byte `json:"program"`
	// Listener is true if a rule has SCMP_ACT_NOTIFY. Loading the filter then returns a descriptor
	// for the listener.
	Listener bool `json:"listener,omitempty"`
}

// WithoutNotify returns the filter for a process without a listener: SCMP_ACT_NOTIFY becomes an
// error with EPERM, and everything else is unchanged. It returns f itself if f has no listener.
func (f *Filter) WithoutNotify() *Filter {
	if !f.Listener {
		return f
	}
	withoutNotify := &Filter{Flags: f.Flags &^ unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Program: bytes.Clone(f.Program)}
	for at := range slices.Chunk(withoutNotify.Program, instructionSize) {
		code, k := binary.NativeEndian.Uint16(at), binary.NativeEndian.Uint32(at[4:])
		if code == unix.BPF_RET|unix.BPF_K && k&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_USER_NOTIF {
			binary.NativeEndian.PutUint32(at[4:], unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
		}
	}
	return withoutNotify
}

const (
	// x32Bit is __X32_SYSCALL_BIT (asm/unistd.h), which marks the numbers of the x32 ABI.
	x32Bit    = 0x40000000
	x32Clone3 = x32Bit | unix.SYS_CLONE3
)

// WithoutClone3 returns a filter that fails clone3(2) with ENOSYS, so that programs fall back to
// clone(2), and otherwise decides as f does. A nil f stands for a filter that allows everything.
// Under the new filter a process cannot fork a child into another cgroup (CLONE_INTO_CGROUP).
// Otherwise a descriptor of the cgroup's directory would be enough for that, even on a read-only
// mount. clone3 has the same number on all architectures that berth is built for and on those that
// their kernels also run.
func (f *Filter) WithoutClone3() *Filter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret    = unix.BPF_RET | unix.BPF_K
		enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	program := []unix.SockFilter{
		{Code: load, K: dataNumber},
		{Code: equal, K: unix.SYS_CLONE3, Jt: 1},
		{Code: equal, K: x32Clone3, Jf: 1},
		{Code: ret, K: enosys},
	}
	without := &Filter{}
	if f == nil {
		program = append(program, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
	} else {
		*without = *f
	}
	without.Program = append(assemble(program), without.Program...)
	return without
}

// assemble encodes instructions as in Filter.Program.
func assemble(instructions []unix.SockFilter) []byte {
	program := make([]byte, 0, len(instructions)*instructionSize)
	for _, in := range instructions {
		program = binary.NativeEndian.AppendUint16(program, in.Code)
		program = append(program, in.Jt, in.Jf)
		program = binary.NativeEndian.AppendUint32(program, in.K)
	}
	return program
}

const (
	// instructionSize is sizeof(struct sock_filter).
	instructionSize = 8
	// maxInstructions is BPF_MAXINSNS of linux/bpf_common.h. The kernel refuses longer programs.
	maxInstructions = 4096
)

// check returns an error if the kernel cannot take a program of this size.
func (f *Filter) check() error {
	switch n := len(f.Program); {
	case n == 0:
		return spec.Fieldf("linux.seccomp", "the filter program is empty")
	case n%instructionSize != 0:
		return spec.Fieldf("linux.seccomp", "the filter program has %d bytes, which is not a whole number of instructions", n)
	case n/instructionSize > maxInstructions:
		return spec.Fieldf("linux.seccomp", "the filter program has %d instructions, more than the %d that the kernel allows",
			n/instructionSize, maxInstructions)
	}
	return nil
}
