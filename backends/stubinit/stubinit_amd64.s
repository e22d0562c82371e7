#include "textflag.h"

// BPF puts one instruction of a seccomp filter on the stack (struct sock_filter of linux/filter.h).
#define BPF(at, code, jt, jf, k) \
	MOVQ $((k)<<32 | (jf)<<24 | (jt)<<16 | (code)), AX; \
	MOVQ AX, at(SP)
#define BPF_LOAD(at, field) BPF(at, 0x20, 0, 0, field)
#define BPF_EQUAL(at, value, jt, jf) BPF(at, 0x15, jt, jf, value)
#define BPF_RETURN(at, action) BPF(at, 0x06, 0, 0, action)

// These are offsets of struct seccomp_data, and values that a filter returns (linux/seccomp.h).
#define NUMBER 0
#define ARCH 4
#define ARG0 16
#define ARG2 32
#define ARG2_HIGH 36
#define ARG3 40
#define ALLOW 0x7fff0000
#define EPERM 0x00050001
#define AUDIT_ARCH_X86_64 0xc000003e

// program is the stub init, in system calls alone. It never runs as a part of berth: Executable
// puts these bytes behind an ELF header. On entry the stack holds argc, argv[0], argv[1] (the
// socket's path) and argv[2] (the line to write if no process listens there).
//
// At its start the process is root with all capabilities, while no process of the container runs
// yet. Before it reports that it is ready it gives up all rights that it does not need, because a
// process that traces it (ptrace(2)) can make it do anything: see docs/decisions/stub-init.md.
//
// R12 holds the path and later the message's word, R13 the line to write, R14 the socket, R15 the
// pidfd. Later descriptor 0 is the pidfd, 1 the signalfd, 2 the socket.
TEXT ·program(SB), NOSPLIT|NOFRAME, $0
	MOVQ 16(SP), R12
	MOVQ 24(SP), R13

	// argv[0] begins with '@': systemd in the container, which at shutdown stops every process that
	// it sees and waits for it, spares root's processes with such a name
	// (systemd.io/ROOT_STORAGE_DAEMONS)
	MOVQ 8(SP), AX
	MOVB $0x40, (AX)
	SUBQ $512, SP

	// rt_sigprocmask(SIG_SETMASK, &all, NULL, 8)
	MOVQ $-1, AX
	MOVQ AX, 0(SP)
	MOVL $2, DI
	MOVQ SP, SI
	XORL DX, DX
	MOVL $8, R10
	MOVL $14, AX
	SYSCALL

	// prctl(PR_SET_DUMPABLE, 0): this closes /proc/PID/exe to the container
	MOVL $4, DI
	XORL SI, SI
	MOVL $157, AX
	SYSCALL

	// socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0)
	MOVL $1, DI
	MOVL $0x80005, SI
	XORL DX, DX
	MOVL $41, AX
	SYSCALL
	CMPQ AX, $3 // descriptors 0 to 2 are set below
	JLT  gone
	MOVQ AX, R14

	// build struct sockaddr_un at SP
	MOVW $1, 0(SP)
	XORL CX, CX
copy:
	MOVB (R12)(CX*1), AX
	MOVB AX, 2(SP)(CX*1)
	INCQ CX
	TESTB AX, AX
	JEQ  connect
	CMPQ CX, $108
	JLT  copy
	JMP  gone

connect:
	MOVQ R14, DI
	MOVQ SP, SI
	LEAQ 2(CX), DX
	MOVL $42, AX
	SYSCALL
	TESTQ AX, AX
	JNE  gone

	// build struct msghdr at SP, its iovec at 64, eight bytes of data at 80, and control data at 96
	// (struct cmsghdr and one descriptor: 24 bytes)
	XORL AX, AX
	MOVQ AX, 0(SP)
	MOVQ AX, 8(SP)
	LEAQ 64(SP), BX
	MOVQ BX, 16(SP)
	MOVL $1, BX
	MOVQ BX, 24(SP)
	LEAQ 96(SP), BX
	MOVQ BX, 32(SP)
	MOVL $24, BX
	MOVQ BX, 40(SP)
	MOVQ AX, 48(SP)
	LEAQ 80(SP), BX
	MOVQ BX, 64(SP)
	MOVL $8, BX
	MOVQ BX, 72(SP)

	// recvmsg(socket, &msghdr, MSG_CMSG_CLOEXEC)
	MOVQ R14, DI
	MOVQ SP, SI
	MOVL $0x40000000, DX
	MOVL $47, AX
	SYSCALL
	CMPQ AX, $8
	JNE  gone
	MOVQ 40(SP), BX
	CMPQ BX, $20
	JLT  gone
	MOVQ 80(SP), R12
	MOVL 112(SP), R15

	// signalfd4(-1, &all but SIGCHLD, 8, 0)
	MOVQ $-65537, AX
	MOVQ AX, 0(SP)
	MOVQ $-1, DI
	MOVQ SP, SI
	MOVL $8, DX
	XORL R10, R10
	MOVL $289, AX
	SYSCALL
	TESTQ AX, AX
	JLT  gone
	MOVQ AX, BX

	// dup3(pidfd, 0, 0), dup3(signalfd, 1, 0), dup3(socket, 2, 0), then close_range(3, ~0, 0)
	// closes what the caller left open
	MOVQ R15, DI
	XORL SI, SI
	XORL DX, DX
	MOVL $292, AX
	SYSCALL
	TESTQ AX, AX
	JNE  gone
	MOVQ BX, DI
	MOVL $1, SI
	XORL DX, DX
	MOVL $292, AX
	SYSCALL
	CMPQ AX, $1
	JNE  gone
	MOVQ R14, DI
	MOVL $2, SI
	XORL DX, DX
	MOVL $292, AX
	SYSCALL
	CMPQ AX, $2
	JNE  fail
	MOVL $3, DI
	MOVL $-1, SI
	XORL DX, DX
	MOVL $436, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// With bit 63, chroot("."): the mount namespace shows the host's tree, and the stub init keeps
	// only its own directory of it. Otherwise chdir("/"): root and working directory move together
	// when the init process pivots.
	MOVL $80, AX
	MOVL $0x2f, BX
	BTQ  $63, R12
	JCC  directory
	MOVL $161, AX
	MOVL $0x2e, BX
directory:
	MOVQ BX, 0(SP)
	MOVQ SP, DI
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// A page some way below the stack keeps the stack from growing (the kernel's expand_downwards
	// requires a gap): mmap(stack - 256 KiB, 4096, PROT_READ,
	// MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0)
	MOVQ SP, DI
	ANDQ $-4096, DI
	SUBQ $0x40000, DI
	MOVL $4096, SI
	MOVL $1, DX
	MOVL $0x100022, R10
	MOVQ $-1, R8
	XORL R9, R9
	MOVL $9, AX
	SYSCALL
	CMPQ AX, $-4095
	JCC  fail

	// prlimit64(0, RLIMIT_CPU, {60, 60}, NULL): the process is not in the container's cgroup
	MOVL $60, AX
	MOVQ AX, 0(SP)
	MOVQ AX, 8(SP)
	XORL DI, DI
	XORL SI, SI
	MOVQ SP, DX
	XORL R10, R10
	MOVL $302, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	MOVL $38, DI
	MOVL $1, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $157, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// prctl(PR_CAPBSET_DROP, n) for every capability that is not in the word; the kernel refuses
	// the numbers that it does not know
	XORL BX, BX
bound:
	BTQ  BX, R12
	JCS  bounded
	MOVL $24, DI
	MOVQ BX, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $157, AX
	SYSCALL
bounded:
	INCQ BX
	CMPQ BX, $63
	JLT  bound

	// prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	MOVL $47, DI
	MOVL $4, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $157, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// capset({_LINUX_CAPABILITY_VERSION_3, 0}, CAP_KILL effective and permitted)
	MOVL $0x20080522, AX
	MOVQ AX, 0(SP)
	MOVQ $0x2000000020, AX
	MOVQ AX, 8(SP)
	XORL AX, AX
	MOVQ AX, 16(SP)
	MOVQ AX, 24(SP)
	MOVQ SP, DI
	LEAQ 8(SP), SI
	MOVL $126, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// seccomp(SECCOMP_SET_MODE_FILTER, 0, &{24, filter}): the filter allows what the program does
	// from here on. Everything else fails with EPERM.
	MOVL $24, AX
	MOVQ AX, 0(SP)
	LEAQ 16(SP), AX
	MOVQ AX, 8(SP)
	BPF_LOAD(16, ARCH)
	BPF_EQUAL(24, AUDIT_ARCH_X86_64, 0, 21)
	BPF_LOAD(32, NUMBER)
	BPF_EQUAL(40, 7, 18, 0) // poll
	BPF_EQUAL(48, 219, 17, 0) // restart_syscall, after a stop in poll
	BPF_EQUAL(56, 231, 16, 0) // exit_group
	BPF_EQUAL(64, 0, 3, 0) // read(1, …)
	BPF_EQUAL(72, 3, 4, 0) // close(2)
	BPF_EQUAL(80, 424, 5, 0) // pidfd_send_signal(0, …, NULL, 0)
	BPF_RETURN(88, EPERM)
	BPF_LOAD(96, ARG0)
	BPF_EQUAL(104, 1, 10, 11)
	BPF_LOAD(112, ARG0)
	BPF_EQUAL(120, 2, 8, 9)
	BPF_LOAD(128, ARG2)
	BPF_EQUAL(136, 0, 0, 7)
	BPF_LOAD(144, ARG2_HIGH)
	BPF_EQUAL(152, 0, 0, 5)
	BPF_LOAD(160, ARG3)
	BPF_EQUAL(168, 0, 0, 3)
	BPF_LOAD(176, ARG0)
	BPF_EQUAL(184, 0, 0, 1)
	BPF_RETURN(192, ALLOW)
	BPF_RETURN(200, EPERM)
	MOVL $1, DI
	XORL SI, SI
	MOVQ SP, DX
	MOVL $317, AX
	SYSCALL
	TESTQ AX, AX
	JNE  fail

	// close(socket) tells create that the stub init is ready
	MOVL $2, DI
	MOVL $3, AX
	SYSCALL

wait:
	// poll({pidfd, signalfd}, 2, -1)
	MOVL $0, 0(SP)
	MOVL $1, 4(SP)
	MOVL $1, 8(SP)
	MOVL $1, 12(SP)
	MOVQ SP, DI
	MOVL $2, SI
	MOVQ $-1, DX
	MOVL $7, AX
	SYSCALL
	MOVWLZX 6(SP), AX
	TESTL AX, AX
	JNE  done
	MOVWLZX 14(SP), AX
	TESTL AX, AX
	JEQ  wait

	// read(signalfd, &siginfo, 128), then pidfd_send_signal(pidfd, signo, NULL, 0)
	MOVL $1, DI
	LEAQ 128(SP), SI
	MOVL $128, DX
	XORL AX, AX
	SYSCALL
	CMPQ AX, $128
	JNE  wait
	XORL DI, DI
	MOVL 128(SP), SI
	XORL DX, DX
	XORL R10, R10
	MOVL $424, AX
	SYSCALL
	JMP  wait

done:
	XORL DI, DI
	MOVL $231, AX
	SYSCALL

gone:
	// write(2, message, strlen(message)); exit_group(1)
	XORL DX, DX
	TESTQ R13, R13
	JEQ  fail
length:
	MOVB (R13)(DX*1), AX
	TESTB AX, AX
	JEQ  say
	INCQ DX
	JMP  length
say:
	MOVL $2, DI
	MOVQ R13, SI
	MOVL $1, AX
	SYSCALL
fail:
	MOVL $1, DI
	MOVL $231, AX
	SYSCALL
	INT  $3

TEXT ·programEnd(SB), NOSPLIT|NOFRAME, $0
	RET

// func bounds() (start, end unsafe.Pointer)
TEXT ·bounds(SB), NOSPLIT, $0-16
	LEAQ ·program(SB), AX
	MOVQ AX, start+0(FP)
	LEAQ ·programEnd(SB), AX
	MOVQ AX, end+8(FP)
	RET
