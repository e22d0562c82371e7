package lxcsocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Numbers of linux/bpf.h that package unix does not have.
const (
	typeCgroupSockAddr = 18
	attachUnixConnect  = 49
	attachUnixSendmsg  = 50
	allowMulti         = 2
)

// moments are when programs are asked: connect(2), and sendto(2) and its like.
var moments = [...]uint32{attachUnixConnect, attachUnixSendmsg}

// ErrUnsupported is why a kernel cannot refuse a container the command sockets.
var ErrUnsupported = errors.New("this kernel cannot keep a container from LXC's command sockets (that takes Linux 6.7 or later with CONFIG_CGROUP_BPF)")

// Guard is the protection, loaded into the kernel.
type Guard struct {
	programs []int // as moments
	// Coarse says that more is refused than LXC's addresses: all abstract ones that
	// begin with / or l.
	Coarse bool
}

// Load loads the programs. The error wraps ErrUnsupported if the kernel does not take
// them.
func Load() (*Guard, error) {
	g, err := load(precise())
	if err == nil {
		return g, nil
	}
	g, err = load(coarse())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	g.Coarse = true
	return g, nil
}

func load(code asm.Instructions) (*Guard, error) {
	var text bytes.Buffer
	if err := code.Marshal(&text, binary.LittleEndian); err != nil {
		return nil, fmt.Errorf("assemble BPF program: %w", err)
	}
	g := &Guard{}
	for _, moment := range moments {
		fd, err := loadProgram(text.Bytes(), moment)
		if err != nil {
			g.Close()
			return nil, err
		}
		g.programs = append(g.programs, fd)
	}
	return g, nil
}

// Close gives up the descriptors; what is attached stays.
func (g *Guard) Close() {
	for _, fd := range g.programs {
		unix.Close(fd)
	}
}

// loadAttributes are the first members of what BPF_PROG_LOAD takes (bpf(2)).
type loadAttributes struct {
	kind, count    uint32
	code, license  uint64
	_              [2]uint32 // log
	_              uint64
	_              [2]uint32 // version, flags
	name           [16]byte
	_              uint32
	expectedAttach uint32
}

func loadProgram(text []byte, moment uint32) (int, error) {
	license := []byte("GPL\x00") // for the helper that reads the kernel's memory
	a := &loadAttributes{
		kind: typeCgroupSockAddr, count: uint32(len(text) / asm.InstructionSize),
		code: address64(text), license: address64(license), expectedAttach: moment,
	}
	copy(a.name[:], "berth_lxcsocket")
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(a), unsafe.Sizeof(*a))
	runtime.KeepAlive(text)
	runtime.KeepAlive(license)
	return fd, err
}

func address64(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }

// attachAttributes are those of BPF_PROG_ATTACH.
type attachAttributes struct{ target, program, moment, flags uint32 }

// attach has the kernel ask the programs for the processes of a cgroup, and of all
// below it. That another program may be attached beside keeps who has none of the
// rights for it from taking these away.
func (g *Guard) attach(cgroup *os.File) error {
	for i, moment := range moments {
		a := &attachAttributes{target: uint32(cgroup.Fd()), program: uint32(g.programs[i]), moment: moment, flags: allowMulti}
		if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(a), unsafe.Sizeof(*a)); err != nil {
			return fmt.Errorf("attach BPF program to %s: %w", cgroup.Name(), err)
		}
	}
	return nil
}

// retries is how often a load may be interrupted by a signal.
const retries = 30

func bpf(operation uintptr, attributes unsafe.Pointer, size uintptr) (int, error) {
	for n := 0; ; n++ {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, operation, uintptr(attributes), size)
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EAGAIN || n == retries {
			return -1, os.NewSyscallError("bpf", errno)
		}
	}
}
