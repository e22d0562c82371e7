package seccomp

import "golang.org/x/sys/unix"

// Only returns a filter that allows the native system calls with the given numbers (fewer than
// 250). All other calls fail with EPERM.
func Only(numbers ...int) *Filter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K
	)
	program := []unix.SockFilter{
		{Code: load, K: dataArch},
		{Code: equal, K: nativeArch, Jf: uint8(len(numbers) + 1)},
		{Code: load, K: dataNumber},
	}
	for i, n := range numbers {
		program = append(program, unix.SockFilter{Code: equal, K: uint32(n), Jt: uint8(len(numbers) - i)})
	}
	return &Filter{Program: assemble(append(program,
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}))}
}
