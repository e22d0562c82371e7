package lxcsocket

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// A program is asked by the kernel before a process connects or sends a datagram to
// an address, and answers whether it may (BPF_PROG_TYPE_CGROUP_SOCK_ADDR).
const (
	refused = 0
	allowed = 1
)

// Where the kernel keeps what a program of this type is about
// (struct bpf_sock_addr_kern of linux/filter.h). It is no promise of the kernel's:
// [Guard.Attach] tries what it has attached.
const (
	offsetAddress = 8
	offsetLength  = 32
)

// offsetPath is that of struct sockaddr_un's path, unix(7).
const offsetPath = 2

// precise refuses what has the shape of LXC's addresses, see [IsMonitors]. What it
// cannot read it refuses.
func precise() asm.Instructions {
	const (
		stackAddress = -8
		stackLength  = -16
		stackBegin   = -24
		stackEnd     = -32
	)
	// read has the kernel copy size bytes, from what the register points to.
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
	// The path's first bytes, lowest first: a zero for an abstract address, then the name.
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

// The member of the context by which two bytes of an address can be read without a
// helper (struct bpf_sock_addr of linux/bpf.h, user_port).
const offsetPort = 24

// coarse is for a kernel that lets no program read its memory (without
// CONFIG_BPF_EVENTS, or locked down to confidentiality): it refuses all abstract addresses
// that begin as LXC's do, with the / of a path or the l of "lxc/".
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
