#include "textflag.h"

#define BPF(at, code, jt, jf, k) \
	MOVD $((k)<<32 | (jf)<<24 | (jt)<<16 | (code)), R3; \
	MOVD R3, at(RSP)
#define BPF_LOAD(at, field) BPF(at, 0x20, 0, 0, field)
#define BPF_EQUAL(at, value, jt, jf) BPF(at, 0x15, jt, jf, value)
#define BPF_RETURN(at, action) BPF(at, 0x06, 0, 0, action)

#define NUMBER 0
#define ARCH 4
#define ARG0 16
#define ARG2 32
#define ARG2_HIGH 36
#define ARG3 40
#define ALLOW 0x7fff0000
#define EPERM 0x00050001
#define AUDIT_ARCH_AARCH64 0xc00000b7

// program is the stub init: see stubinit_amd64.s, which this file follows line by line.
//
// R19 holds the path and later the message's word, R20 the line to write, R21 the socket, R22 the
// pidfd. Later descriptor 0 is the pidfd, 1 the signalfd, 2 the socket.
TEXT ·program(SB), NOSPLIT|NOFRAME, $0
	MOVD 16(RSP), R19
	MOVD 24(RSP), R20

	// argv[0] begins with '@'
	MOVD 8(RSP), R0
	MOVD $0x40, R1
	MOVB R1, (R0)
	SUB  $512, RSP

	// rt_sigprocmask(SIG_SETMASK, &all, NULL, 8)
	MOVD $-1, R3
	MOVD R3, 0(RSP)
	MOVD $2, R0
	MOVD RSP, R1
	MOVD $0, R2
	MOVD $8, R3
	MOVD $135, R8
	SVC

	// prctl(PR_SET_DUMPABLE, 0)
	MOVD $4, R0
	MOVD $0, R1
	MOVD $167, R8
	SVC

	// socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0)
	MOVD $1, R0
	MOVD $0x80005, R1
	MOVD $0, R2
	MOVD $198, R8
	SVC
	CMP  $3, R0
	BLT  gone
	MOVD R0, R21

	// struct sockaddr_un
	MOVD $1, R3
	MOVH R3, 0(RSP)
	MOVD $0, R4
	ADD  $2, RSP, R6
copy:
	MOVBU (R19)(R4), R5
	MOVB R5, (R6)(R4)
	ADD  $1, R4
	CBZ  R5, connect
	CMP  $108, R4
	BLT  copy
	B    gone

connect:
	MOVD R21, R0
	MOVD RSP, R1
	ADD  $2, R4, R2
	MOVD $203, R8
	SVC
	CBNZ R0, gone

	// struct msghdr, iovec at 64, data at 80, control data at 96
	MOVD ZR, 0(RSP)
	MOVD ZR, 8(RSP)
	ADD  $64, RSP, R3
	MOVD R3, 16(RSP)
	MOVD $1, R3
	MOVD R3, 24(RSP)
	ADD  $96, RSP, R3
	MOVD R3, 32(RSP)
	MOVD $24, R3
	MOVD R3, 40(RSP)
	MOVD ZR, 48(RSP)
	ADD  $80, RSP, R3
	MOVD R3, 64(RSP)
	MOVD $8, R3
	MOVD R3, 72(RSP)

	// recvmsg(socket, &msghdr, MSG_CMSG_CLOEXEC)
	MOVD R21, R0
	MOVD RSP, R1
	MOVD $0x40000000, R2
	MOVD $212, R8
	SVC
	CMP  $8, R0
	BNE  gone
	MOVD 40(RSP), R3
	CMP  $20, R3
	BLT  gone
	MOVD 80(RSP), R19
	MOVW 112(RSP), R22

	// signalfd4(-1, &all but SIGCHLD, 8, 0)
	MOVD $-65537, R3
	MOVD R3, 0(RSP)
	MOVD $-1, R0
	MOVD RSP, R1
	MOVD $8, R2
	MOVD $0, R3
	MOVD $74, R8
	SVC
	CMP  $0, R0
	BLT  gone
	MOVD R0, R23

	// dup3(pidfd, 0, 0), dup3(signalfd, 1, 0), dup3(socket, 2, 0), close_range(3, ~0, 0)
	MOVD R22, R0
	MOVD $0, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	CBNZ R0, gone
	MOVD R23, R0
	MOVD $1, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	CMP  $1, R0
	BNE  gone
	MOVD R21, R0
	MOVD $2, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	CMP  $2, R0
	BNE  fail
	MOVD $3, R0
	MOVD $0xffffffff, R1
	MOVD $0, R2
	MOVD $436, R8
	SVC
	CBNZ R0, fail

	// With bit 63, chroot("."); otherwise chdir("/")
	MOVD $49, R8
	MOVD $0x2f, R3
	TBZ  $63, R19, directory
	MOVD $51, R8
	MOVD $0x2e, R3
directory:
	MOVD R3, 0(RSP)
	MOVD RSP, R0
	SVC
	CBNZ R0, fail

	// mmap(stack - 256 KiB, one page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|
	// MAP_FIXED_NOREPLACE, -1, 0); a page has up to 64 KiB
	MOVD RSP, R0
	AND  $-65536, R0
	SUB  $0x40000, R0
	MOVD $4096, R1
	MOVD $1, R2
	MOVD $0x100022, R3
	MOVD $-1, R4
	MOVD $0, R5
	MOVD $222, R8
	SVC
	CMN  $4095, R0
	BHS  fail

	// prlimit64(0, RLIMIT_CPU, {60, 60}, NULL)
	MOVD $60, R3
	MOVD R3, 0(RSP)
	MOVD R3, 8(RSP)
	MOVD $0, R0
	MOVD $0, R1
	MOVD RSP, R2
	MOVD $0, R3
	MOVD $261, R8
	SVC
	CBNZ R0, fail

	// prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	MOVD $38, R0
	MOVD $1, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $167, R8
	SVC
	CBNZ R0, fail

	// prctl(PR_CAPBSET_DROP, n) for every capability that is not in the word
	MOVD $0, R23
bound:
	LSR  R23, R19, R3
	TBNZ $0, R3, bounded
	MOVD $24, R0
	MOVD R23, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $167, R8
	SVC
bounded:
	ADD  $1, R23
	CMP  $63, R23
	BLT  bound

	// prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	MOVD $47, R0
	MOVD $4, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $167, R8
	SVC
	CBNZ R0, fail

	// capset({_LINUX_CAPABILITY_VERSION_3, 0}, CAP_KILL effective and permitted)
	MOVD $0x20080522, R3
	MOVD R3, 0(RSP)
	MOVD $0x2000000020, R3
	MOVD R3, 8(RSP)
	MOVD ZR, 16(RSP)
	MOVD ZR, 24(RSP)
	MOVD RSP, R0
	ADD  $8, RSP, R1
	MOVD $91, R8
	SVC
	CBNZ R0, fail

	// seccomp(SECCOMP_SET_MODE_FILTER, 0, &{24, filter})
	MOVD $24, R3
	MOVD R3, 0(RSP)
	ADD  $16, RSP, R3
	MOVD R3, 8(RSP)
	BPF_LOAD(16, ARCH)
	BPF_EQUAL(24, AUDIT_ARCH_AARCH64, 0, 21)
	BPF_LOAD(32, NUMBER)
	BPF_EQUAL(40, 73, 18, 0) // ppoll
	BPF_EQUAL(48, 128, 17, 0) // restart_syscall, after a stop in poll
	BPF_EQUAL(56, 94, 16, 0) // exit_group
	BPF_EQUAL(64, 63, 3, 0) // read(1, …)
	BPF_EQUAL(72, 57, 4, 0) // close(2)
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
	MOVD $1, R0
	MOVD $0, R1
	MOVD RSP, R2
	MOVD $277, R8
	SVC
	CBNZ R0, fail

	// close(socket)
	MOVD $2, R0
	MOVD $57, R8
	SVC

wait:
	// ppoll({pidfd, signalfd}, 2, NULL, NULL, 0)
	MOVD $1, R3
	MOVW ZR, 0(RSP)
	MOVW R3, 4(RSP)
	MOVW R3, 8(RSP)
	MOVW R3, 12(RSP)
	MOVD RSP, R0
	MOVD $2, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $73, R8
	SVC
	MOVHU 6(RSP), R3
	CBNZ R3, done
	MOVHU 14(RSP), R3
	CBZ  R3, wait

	// read(signalfd, &siginfo, 128), then pidfd_send_signal(pidfd, signo, NULL, 0)
	MOVD $1, R0
	ADD  $128, RSP, R1
	MOVD $128, R2
	MOVD $63, R8
	SVC
	CMP  $128, R0
	BNE  wait
	MOVD $0, R0
	MOVWU 128(RSP), R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $424, R8
	SVC
	B    wait

done:
	MOVD $0, R0
	MOVD $94, R8
	SVC

gone:
	// write(2, message, strlen(message)); exit_group(1)
	MOVD $0, R2
	CBZ  R20, fail
length:
	MOVBU (R20)(R2), R3
	CBZ  R3, say
	ADD  $1, R2
	B    length
say:
	MOVD $2, R0
	MOVD R20, R1
	MOVD $64, R8
	SVC
fail:
	MOVD $1, R0
	MOVD $94, R8
	SVC
	BRK

TEXT ·programEnd(SB), NOSPLIT|NOFRAME, $0
	RET

// func bounds() (start, end unsafe.Pointer)
TEXT ·bounds(SB), NOSPLIT, $0-16
	MOVD $·program(SB), R0
	MOVD R0, start+0(FP)
	MOVD $·programEnd(SB), R0
	MOVD R0, end+8(FP)
	RET
