//go:build linux && (amd64 || arm64)

// Package stubinit holds the program that LXC starts as a container's init while
// the container's real first process is berth's own child.
//
// The stub init connects to a socket, receives a pidfd of that first process over
// it, and then only waits: it passes signals on (LXC's shutdown reaches the
// container's process that way) and exits when the process has gone. It is one
// task without libc, a few hundred bytes written as assembler here and wrapped
// into an ELF executable, so that a container costs no second copy of berth and
// nothing of the host's berth is to be found inside.
//
// It is seen inside the container, and a process there with CAP_SYS_PTRACE can
// have it run anything. So it gives up whatever the container has not before it
// closes the socket: see docs/decisions/stub-init.md.
package stubinit

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bounds returns the addresses of the program's first byte and of the one after
// its last.
func bounds() (start, end unsafe.Pointer)

// loadAddress is where the program is mapped; any page does, its code does not
// depend on it.
const loadAddress = 0x400000

// Task is what the stub init is told, in one message beside the pidfd of the process
// that it waits for.
type Task struct {
	// Bounding is the container's bounding set of capabilities, bit n for
	// capability n (capabilities(7)): it becomes the stub init's, in which LXC looks
	// for that of a process that lxc-attach(1) brings in.
	Bounding uint64
	// Apart says that the stub init's root directory does not become the container's,
	// so that it takes the directory of its executable for its root.
	Apart bool
}

// apart is Apart in the message; there is no such capability.
const apart = 1 << 63

// Message is the task as the stub init reads it.
func (t Task) Message() []byte {
	word := t.Bounding &^ apart
	if t.Apart {
		word |= apart
	}
	return binary.NativeEndian.AppendUint64(nil, word)
}

// Kept are the capabilities that a stub init keeps, permitted and effective: it
// passes signals on to processes of any user.
const KeptCapabilities uint64 = 1 << unix.CAP_KILL

// Executable is the stub init as a static ELF executable of a few hundred bytes.
// Its arguments are the path of the SOCK_SEQPACKET socket and the line to write
// to stderr when nobody listens there.
func Executable() []byte {
	start, end := bounds()
	code := unsafe.Slice((*byte)(start), uintptr(end)-uintptr(start))
	machine := elf.EM_X86_64
	if runtime.GOARCH == "arm64" {
		machine = elf.EM_AARCH64
	}
	const headers = 64 + 2*56
	file := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Entry: loadAddress + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2,
	}
	copy(file.Ident[:], elf.ELFMAG)
	file.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	file.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	file.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	size := uint64(headers + len(code))
	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadAddress, Paddr: loadAddress, Filesz: size, Memsz: size, Align: 0x1000},
		{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	}
	var b bytes.Buffer
	for _, part := range []any{file, segments, code} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err) // fixed-size values into memory
		}
	}
	return b.Bytes()
}

// Install writes the executable to path, which must not exist, owned by root
// and executable by root and by group gid alone. It can be executed at once: no
// child is forked meanwhile, which would have it open for writing (ETXTBSY).
func Install(path string, gid int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(Executable()); err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
	if err := f.Chown(0, gid); err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
	if err := f.Chmod(0o550); err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
	return nil
}
