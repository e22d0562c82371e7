#include "textflag.h"

// The warden's program, in system calls alone. It is never run as a part of
// berth: Executable puts these bytes behind an ELF header. On entry the stack
// holds argc, argv[0], argv[1] (the socket's path) and argv[2] (what to say when
// nobody listens there).
//
// R12 path, R13 message, R14 socket, then signalfd, R15 pidfd.
TEXT ·program(SB), NOSPLIT|NOFRAME, $0
	MOVQ 16(SP), R12
	MOVQ 24(SP), R13

	// argv[0] begins with '@': a systemd in the container, which at its end stops
	// every process that it sees and waits for it, leaves such a one of root's
	// alone (systemd.io/ROOT_STORAGE_DAEMONS)
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

	// prctl(PR_SET_DUMPABLE, 0): /proc/PID/exe is then closed to the container
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
	TESTQ AX, AX
	JLT  gone
	MOVQ AX, R14

	// struct sockaddr_un at SP
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

	// chdir("/"): root and cwd then move together when the stage pivots
	MOVL $0x2f, AX
	MOVQ AX, 0(SP)
	MOVQ SP, DI
	MOVL $80, AX
	SYSCALL
	TESTQ AX, AX
	JNE  gone

	// struct msghdr at SP, its iovec at 64, one byte of data at 80, control
	// data at 96 (struct cmsghdr and one descriptor: 24 bytes)
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
	MOVL $1, BX
	MOVQ BX, 72(SP)

	// recvmsg(socket, &msghdr, MSG_CMSG_CLOEXEC)
	MOVQ R14, DI
	MOVQ SP, SI
	MOVL $0x40000000, DX
	MOVL $47, AX
	SYSCALL
	CMPQ AX, $1
	JNE  gone
	MOVQ 40(SP), BX
	CMPQ BX, $20
	JLT  gone
	MOVL 112(SP), R15

	// The pidfd becomes descriptor 0 and nothing of the caller's stays open:
	// dup3(pidfd, 0, 0), close_range(1, ~0, 0)
	MOVQ R15, DI
	XORL SI, SI
	XORL DX, DX
	MOVL $292, AX
	SYSCALL
	TESTQ AX, AX
	JNE  gone
	XORL R15, R15
	MOVL $1, DI
	MOVL $-1, SI
	XORL DX, DX
	MOVL $436, AX
	SYSCALL

	// signalfd4(-1, &all but SIGCHLD, 8, SFD_CLOEXEC)
	MOVQ $-65537, AX
	MOVQ AX, 0(SP)
	MOVQ $-1, DI
	MOVQ SP, SI
	MOVL $8, DX
	MOVL $0x80000, R10
	MOVL $289, AX
	SYSCALL
	MOVQ AX, R14

wait:
	// poll({pidfd, signalfd}, 2, -1)
	MOVL R15, 0(SP)
	MOVL $1, 4(SP)
	MOVL R14, 8(SP)
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
	MOVQ R14, DI
	LEAQ 128(SP), SI
	MOVL $128, DX
	XORL AX, AX
	SYSCALL
	CMPQ AX, $128
	JNE  wait
	MOVQ R15, DI
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
