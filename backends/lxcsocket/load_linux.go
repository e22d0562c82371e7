package lxcsocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
)

// Constants of linux/bpf.h that package unix lacks.
const (
	typeCgroupSockAddr = 18
	attachUnixConnect  = 49
	attachUnixSendmsg  = 50
	allowMulti         = 2
)

// moments are the attach types: the kernel runs the programs at connect(2), and at sendto(2) and
// similar calls.
var moments = [...]uint32{attachUnixConnect, attachUnixSendmsg}

// ErrUnsupported says that the kernel cannot keep a container from the command sockets.
var ErrUnsupported = errors.New("this kernel cannot keep a container from LXC's command sockets (this requires Linux 6.7 or later with CONFIG_CGROUP_BPF)")

// Guard is the loaded BPF programs.
type Guard struct {
	programs []int // in the order of moments
	// Coarse is true if the programs refuse more than LXC's addresses: all abstract addresses that
	// begin with / or l.
	Coarse bool
}

// Load loads the programs. It fails with an error that wraps ErrUnsupported if the kernel does not
// accept them.
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

// Close closes the programs' descriptors. Attached programs stay attached.
func (g *Guard) Close() {
	for _, fd := range g.programs {
		unix.Close(fd)
	}
}

// loadAttributes is the beginning of union bpf_attr for BPF_PROG_LOAD (bpf(2)).
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
	license := []byte("GPL\x00") // the helper that reads kernel memory needs it
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

// attachAttributes is union bpf_attr for BPF_PROG_ATTACH.
type attachAttributes struct{ target, program, moment, flags uint32 }

// attach attaches the programs to a cgroup, and so to all cgroups below it. With BPF_F_ALLOW_MULTI
// the kernel detaches a program only for a process that has a descriptor of it. Without the flag, a
// process without the privileges for BPF could detach the programs.
func (g *Guard) attach(group *cgroup.Group) error {
	for i, moment := range moments {
		a := &attachAttributes{target: uint32(group.Fd()), program: uint32(g.programs[i]), moment: moment, flags: allowMulti}
		if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(a), unsafe.Sizeof(*a)); err != nil {
			return fmt.Errorf("attach BPF program to %s: %w", filepath.Join(cgroup.Mount, group.Path()), err)
		}
	}
	return nil
}

// retries is how often a load is repeated after a signal has interrupted it.
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
