//go:build linux && (amd64 || arm64)

// Package stubinit holds the stub init: the program that LXC starts as a container's init, while
// the container's real first process is berth's own child.
//
// The stub init connects to a socket, receives a pidfd of that first process over it, and then only
// waits. It passes signals on, which is how LXC's shutdown reaches the container's process, and
// exits when that process has ended. It is one task without libc: some 250 instructions, written as
// assembler here and wrapped into an ELF executable. So a container needs no second copy of berth,
// and the host's berth is not visible inside.
//
// The container can see the stub init, and a container process with CAP_SYS_PTRACE can make it run
// anything. So before it closes the socket it gives up every right that the container does not
// have: see docs/decisions/stub-init.md.
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

// bounds returns the address of the program's first byte and the address after its last byte.
func bounds() (start, end unsafe.Pointer)

// loadAddress is the address at which the program is mapped. Any page works, because the code does
// not depend on its position.
const loadAddress = 0x400000

// Task is what create tells the stub init, in one message beside the pidfd of the process that the
// stub init waits for.
type Task struct {
	// Bounding is the container's bounding set, bit n for capability n (capabilities(7)). It
	// becomes the bounding set of the stub init, from which lxc-attach(1) takes it for the
	// processes that it starts.
	Bounding uint64
	// Apart is true if the stub init's root directory does not become the container's. The stub
	// init then makes the directory of its executable its root.
	Apart bool
}

// apart is the bit for Apart in the message. No capability has that number.
const apart = 1 << 63

// Message encodes the task as the stub init reads it.
func (t Task) Message() []byte {
	word := t.Bounding &^ apart
	if t.Apart {
		word |= apart
	}
	return binary.NativeEndian.AppendUint64(nil, word)
}

// KeptCapabilities are the capabilities that a stub init keeps permitted and effective: it passes
// signals on to processes of any user.
const KeptCapabilities uint64 = 1 << unix.CAP_KILL

// Executable returns the stub init as a static ELF executable of about 1500 bytes. Its arguments
// are the path of the SOCK_SEQPACKET socket and the line that it writes to stderr if no process
// listens there.
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
			panic(err) // only fixed-size values, written to memory
		}
	}
	return b.Bytes()
}

// Install writes the executable to path, which must not exist. The file belongs to root, and only
// root and the group gid can execute it. It can be executed at once: no child is forked meanwhile
// that would hold it open for writing (ETXTBSY). Install fails if nothing can be executed on the
// file system of path.
func Install(path string, gid int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
	defer f.Close()
	if err := checkExecutable(f); err != nil {
		return fmt.Errorf("install the stub init: %w", err)
	}
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

// checkExecutable fails if the file system of f is mounted with noexec.
func checkExecutable(f *os.File) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: f.Name(), Err: err}
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("the file system of the state directory is mounted with noexec, and LXC has to execute %s: "+
			"remount it with exec, or choose another --root", f.Name())
	}
	return nil
}
