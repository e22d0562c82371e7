package seccomp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Filter is a compiled seccomp filter: plain data that can be kept in a file or sent to another process of the same
// machine.
type Filter struct {
	// Flags are SECCOMP_FILTER_FLAG_* bits of seccomp(2), without NEW_LISTENER.
	Flags uint32 `json:"flags,omitempty"`
	// Program is an array of struct sock_filter in the machine's byte order.
	Program []byte `json:"program"`
	// Listener says that a rule has SCMP_ACT_NOTIFY: loading the filter makes a descriptor for the listener.
	Listener bool `json:"listener,omitempty"`
}

// Deaf is the filter for a process that nobody listens to: what would be asked about (SCMP_ACT_NOTIFY) fails there
// with EPERM, and everything else is as it was. A filter without a listener is its own.
func (f *Filter) Deaf() *Filter {
	if !f.Listener {
		return f
	}
	deaf := &Filter{Flags: f.Flags &^ unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Program: bytes.Clone(f.Program)}
	for at := range slices.Chunk(deaf.Program, instructionSize) {
		code, k := binary.NativeEndian.Uint16(at), binary.NativeEndian.Uint32(at[4:])
		if code == unix.BPF_RET|unix.BPF_K && k&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_USER_NOTIF {
			binary.NativeEndian.PutUint32(at[4:], unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
		}
	}
	return deaf
}

const (
	// instructionSize is sizeof(struct sock_filter).
	instructionSize = 8
	// maxInstructions is BPF_MAXINSNS of linux/bpf_common.h: the kernel takes no longer program.
	maxInstructions = 4096
)

// check tells whether the program has a size that the kernel can take.
func (f *Filter) check() error {
	switch n := len(f.Program); {
	case n == 0:
		return errors.New("linux.seccomp: the filter program is empty")
	case n%instructionSize != 0:
		return fmt.Errorf("linux.seccomp: the filter program has %d bytes, which is no whole number of instructions", n)
	case n/instructionSize > maxInstructions:
		return fmt.Errorf("linux.seccomp: the filter program has %d instructions, more than the %d that the kernel takes",
			n/instructionSize, maxInstructions)
	}
	return nil
}
