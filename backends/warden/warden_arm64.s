#include "textflag.h"

// The warden's program: see warden_amd64.s, which this follows line by line.
//
// R19 path, R20 message, R21 socket, then signalfd, R22 pidfd.
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
	CMP  $0, R0
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

	// chdir("/")
	MOVD $0x2f, R3
	MOVD R3, 0(RSP)
	MOVD RSP, R0
	MOVD $49, R8
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
	MOVD $1, R3
	MOVD R3, 72(RSP)

	// recvmsg(socket, &msghdr, MSG_CMSG_CLOEXEC)
	MOVD R21, R0
	MOVD RSP, R1
	MOVD $0x40000000, R2
	MOVD $212, R8
	SVC
	CMP  $1, R0
	BNE  gone
	MOVD 40(RSP), R3
	CMP  $20, R3
	BLT  gone
	MOVW 112(RSP), R22

	// dup3(pidfd, 0, 0), close_range(1, ~0, 0)
	MOVD R22, R0
	MOVD $0, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	CBNZ R0, gone
	MOVD $0, R22
	MOVD $1, R0
	MOVD $0xffffffff, R1
	MOVD $0, R2
	MOVD $436, R8
	SVC

	// signalfd4(-1, &all but SIGCHLD, 8, SFD_CLOEXEC)
	MOVD $-65537, R3
	MOVD R3, 0(RSP)
	MOVD $-1, R0
	MOVD RSP, R1
	MOVD $8, R2
	MOVD $0x80000, R3
	MOVD $74, R8
	SVC
	MOVD R0, R21

wait:
	// ppoll({pidfd, signalfd}, 2, NULL, NULL, 0)
	MOVW R22, 0(RSP)
	MOVD $1, R3
	MOVW R3, 4(RSP)
	MOVW R21, 8(RSP)
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
	MOVD R21, R0
	ADD  $128, RSP, R1
	MOVD $128, R2
	MOVD $63, R8
	SVC
	CMP  $128, R0
	BNE  wait
	MOVD R22, R0
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
