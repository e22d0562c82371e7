package lxcsocket

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// refused and allowed are the return values of a program of type BPF_PROG_TYPE_CGROUP_SOCK_ADDR.
// The kernel runs it before a process connects or sends a datagram to an address.
const (
	refused = 0
	allowed = 1
)

// offsetAddress and offsetLength are where the kernel keeps the address and its length (struct
// bpf_sock_addr_kern of linux/filter.h). The layout may change with the kernel, so [Guard.Attach]
// tests what it has attached.
const (
	offsetAddress = 8
	offsetLength  = 32
)

// offsetPath is the offset of the path in struct sockaddr_un (unix(7)).
const offsetPath = 2

// precise returns the program that refuses addresses in the form of LXC's, see [IsMonitors]. It
// also refuses an address that it cannot read.
func precise() asm.Instructions {
	const (
		stackAddress = -8
		stackLength  = -16
		stackBegin   = -24
		stackEnd     = -32
	)
	// read makes the kernel copy size bytes from the address in a register plus offset to the
	// stack.
	read := func(to int32, size int32, from asm.Register, offset int32) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, to),
			asm.Mov.Imm(asm.R2, size),
			asm.Mov.Reg(asm.R3, from),
			asm.Add.Imm(asm.R3, offset),
			asm.FnProbeReadKernel.Call(),
			asm.JNE.Imm(asm.R0, 0, "refuse"),
		}
	}
	p := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	p = append(p, read(stackAddress, 8, asm.R6, offsetAddress)...)
	p = append(p, read(stackLength, 4, asm.R6, offsetLength)...)
	p = append(p,
		asm.LoadMem(asm.R7, asm.RFP, stackAddress, asm.DWord),
		asm.LoadMem(asm.R8, asm.RFP, stackLength, asm.Word),
	)
	// The path's first bytes, lowest first: a zero if the address is abstract, then the name.
	p = append(p, read(stackBegin, 8, asm.R7, offsetPath)...)
	p = append(p,
		asm.LoadMem(asm.R1, asm.RFP, stackBegin, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, 0xff),
		asm.JNE.Imm(asm.R2, 0, "allow"),
		asm.RSh.Imm(asm.R1, 8),
		asm.LSh.Imm(asm.R1, 32), // the four bytes of hashed
		asm.RSh.Imm(asm.R1, 32),
		asm.LoadImm(asm.R2, int64(binary.LittleEndian.Uint32([]byte(hashed))), asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "refuse"),
		asm.JLT.Imm(asm.R8, offsetPath+1+int32(len(command)), "allow"),
		asm.JGT.Imm(asm.R8, unix.SizeofSockaddrUnix, "refuse"),
		asm.Add.Reg(asm.R7, asm.R8),
	)
	p = append(p, read(stackEnd, int32(len(command)), asm.R7, -int32(len(command)))...)
	return append(p,
		asm.LoadMem(asm.R1, asm.RFP, stackEnd, asm.DWord),
		asm.LoadImm(asm.R2, int64(binary.LittleEndian.Uint64([]byte(command))), asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "refuse"),
		asm.Mov.Imm(asm.R0, allowed).WithSymbol("allow"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, refused).WithSymbol("refuse"),
		asm.Return(),
	)
}

// offsetPort is the offset of user_port in struct bpf_sock_addr of linux/bpf.h. Through it a
// program can read two bytes of an address without a helper.
const offsetPort = 24

// coarse returns the program for a kernel that lets no program read its memory (without
// CONFIG_BPF_EVENTS, or locked down to confidentiality). It refuses all abstract addresses that
// begin like LXC's, with the / of a path or the l of "lxc/".
func coarse() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, offsetPort, asm.Word),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, 0xff),
		asm.JNE.Imm(asm.R2, 0, "allow"),
		asm.RSh.Imm(asm.R1, 8),
		asm.And.Imm(asm.R1, 0xff),
		asm.JEq.Imm(asm.R1, int32(hashed[0]), "refuse"),
		asm.JEq.Imm(asm.R1, int32(command[0]), "refuse"),
		asm.Mov.Imm(asm.R0, allowed).WithSymbol("allow"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, refused).WithSymbol("refuse"),
		asm.Return(),
	}
}
