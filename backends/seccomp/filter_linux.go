package seccomp

import (
	"errors"
	"fmt"
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
		return errors.New("the seccomp filter program is empty")
	case n%instructionSize != 0:
		return fmt.Errorf("the seccomp filter program has %d bytes, which is no whole number of instructions", n)
	case n/instructionSize > maxInstructions:
		return fmt.Errorf("the seccomp filter program has %d instructions, more than the %d that the kernel takes",
			n/instructionSize, maxInstructions)
	}
	return nil
}
