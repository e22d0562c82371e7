package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Only is a filter that lets native system calls of these numbers through, fewer than 250, and has everything else fail
// with EPERM.
func Only(numbers ...int) *Filter {
	var b []byte
	add := func(code uint16, jt, jf int, k uint32) {
		b = append(binary.NativeEndian.AppendUint16(b, code), byte(jt), byte(jf))
		b = binary.NativeEndian.AppendUint32(b, k)
	}
	add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, dataArch)
	add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, len(numbers)+1, nativeArch)
	add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, dataNumber)
	for i, n := range numbers {
		add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, len(numbers)-i, 0, uint32(n))
	}
	add(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
	add(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ALLOW)
	return &Filter{Program: b}
}
