//go:build linux && integration

package lifecycle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// callerEnv makes the test program the caller of TestCommandSockets. Its value says what the caller
// does.
const callerEnv = "BERTH_TEST_CALLER"

// ways are the ways in which the caller makes a socket and connects it to an abstract address.
var ways = map[string]func(at unix.Sockaddr) error{
	"stream":    func(at unix.Sockaddr) error { return connect(unix.SOCK_STREAM, at) },
	"datagram":  func(at unix.Sockaddr) error { return connect(unix.SOCK_DGRAM, at) },
	"seqpacket": func(at unix.Sockaddr) error { return connect(unix.SOCK_SEQPACKET, at) },
	"sendto": func(at unix.Sockaddr) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, []byte("x"), 0, at)
	},
	"io_uring":          func(at unix.Sockaddr) error { return ringConnect(0, at) },
	"io_uring's thread": func(at unix.Sockaddr) error { return ringConnect(setupSQPoll, at) },
}

func connect(kind int, at unix.Sockaddr) error {
	fd, err := unix.Socket(unix.AF_UNIX, kind, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, at)
}

// caller connects to every address in its network namespace that looks like an LXC command socket,
// or to the given addresses, and prints each result.
func caller(what string) {
	what, rest, _ := strings.Cut(what, " ")
	switch what {
	case "":
		for name, way := range ways {
			report(name, way)
		}
		for name, flags := range map[string]uintptr{"user namespace": unix.CLONE_NEWUSER, "user and network namespace": unix.CLONE_NEWUSER | unix.CLONE_NEWNET} {
			if err := nested(flags); err != nil {
				fmt.Printf("%s: - %v\n", name, err)
			}
		}
	case "lower": // from a child cgroup of the container's cgroup
		const dir = "/sys/fs/cgroup/below"
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			err = os.WriteFile(dir+"/cgroup.procs", []byte("0"), 0)
		}
		if err != nil {
			fmt.Println("lower cgroup:", "-", err)
			break
		}
		report("lower cgroup", ways["stream"])
	case "elsewhere":
		report("elsewhere", ways["stream"])
	case "leave": // from every cgroup that is visible
		leave()
	case "one":
		fmt.Println("one:", rest, errorOf(connect(unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "@" + rest})))
	case "inherited": // with a socket that was made before the namespaces
		for _, at := range strings.Split(rest, "\n") {
			fmt.Println("inherited:", at, errorOf(unix.Connect(3, &unix.SockaddrUnix{Name: "@" + at})))
		}
		report("nested", ways["stream"])
	case "give": // pass a socket to the container that runs "take"
		give()
	case "take":
		take()
	}
	os.Exit(0)
}

// leave starts a child in each visible cgroup. The child connects to all addresses. leave prints
// the error if it cannot start one. A read-only mount does not prevent CLONE_INTO_CGROUP.
func leave() {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			return nil // another test's, which is gone by now
		}
		if err != nil {
			fmt.Println("leave: open", path, err)
			return nil
		}
		defer unix.Close(fd)
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{callerEnv + "=elsewhere"}
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
		if err := cmd.Run(); err != nil {
			fmt.Println("leave:", path, errors.Unwrap(err))
		}
		return nil
	})
}

// report connects to all addresses in one way and prints the results.
func report(name string, way func(unix.Sockaddr) error) {
	for _, at := range monitorsHere() {
		fmt.Printf("%s: %s %s\n", name, at, errorOf(way(&unix.SockaddrUnix{Name: "@" + at})))
	}
}

func errorOf(err error) string {
	if err == nil {
		return "CONNECTED"
	}
	return err.Error()
}

// monitorsHere returns the addresses that look like LXC's, from /proc/net/unix.
func monitorsHere() (list []string) {
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		_, at, abstract := strings.Cut(lines.Text(), " @")
		if abstract && (strings.HasSuffix(at, "/command") || strings.HasPrefix(at, "lxc/")) && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

// nested connects from inside new namespaces in which uid 0 is still the host's root.
func nested(flags uintptr) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{callerEnv + "=inherited " + strings.Join(monitorsHere(), "\n")}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{f}
	root := []syscall.SysProcIDMap{{Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, UidMappings: root, GidMappings: root}
	return cmd.Run()
}

// giveAt is the socket on which give and take meet. It is in /out of another container.
const giveAt = "/out/give"

func give() {
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(unix.Bind(listener, &unix.SockaddrUnix{Name: giveAt}), unix.Listen(listener, 1))
	}
	if err != nil {
		fmt.Println("give: -", err)
		return
	}
	conn, _, err := unix.Accept(listener)
	if err != nil {
		fmt.Println("give: -", err)
		return
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Sendmsg(conn, []byte(strings.Join(monitorsHere(), "\n")), unix.UnixRights(fd), nil, 0)
	}
	fmt.Println("given:", err)
}

func take() {
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		fmt.Println("take: -", err)
		return
	}
	for deadline := time.Now().Add(suite.Patience); ; time.Sleep(5 * time.Millisecond) {
		if err = unix.Connect(conn, &unix.SockaddrUnix{Name: giveAt}); err == nil || time.Now().After(deadline) {
			break
		}
	}
	list, rights := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := unix.Recvmsg(conn, list, rights, 0)
	if err != nil || rn < unix.CmsgLen(4) {
		fmt.Println("take: -", err)
		return
	}
	fd := int(binary.NativeEndian.Uint32(rights[unix.CmsgLen(0):]))
	for _, at := range strings.Split(string(list[:n]), "\n") {
		fmt.Println("taken:", at, errorOf(unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + at})))
	}
}

// These are the constants and types of io_uring(7) that are needed to make a socket and connect it.
const (
	setupSQPoll    = 2
	enterGetEvents = 1
	enterWakeup    = 2
	opConnect      = 16
	opSocket       = 45
	offsetSQEs     = 0x10000000
)

type ringOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

type ringParams struct {
	entries, cqEntries, flags, cpu, idle, features, wq uint32
	_                                                  [3]uint32
	sq, cq                                             ringOffsets
}

type ringEntry struct {
	op, flags     uint8
	priority      uint16
	fd            int32
	offset, addr  uint64
	length, rw    uint32
	user          uint64
	buf, identity uint16
	file          uint32
	_             [2]uint64
}

type ring struct {
	fd     int
	params ringParams
	mem    []byte
	queue  []byte
}

func ringConnect(flags uint32, at unix.Sockaddr) error {
	r := &ring{params: ringParams{flags: flags, idle: 1000}}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_setup", errno)
	}
	r.fd = int(fd)
	defer unix.Close(r.fd)
	var err error
	// The kernel has both rings in one mapping.
	size := max(r.params.sq.array+4*r.params.entries, r.params.cq.dropped+16*r.params.cqEntries)
	if r.mem, err = unix.Mmap(r.fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map the rings: %w", err)
	}
	defer unix.Munmap(r.mem)
	if r.queue, err = unix.Mmap(r.fd, offsetSQEs, int(r.params.entries)*64, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map the entries: %w", err)
	}
	defer unix.Munmap(r.queue)
	socket, err := r.do(ringEntry{op: opSocket, fd: unix.AF_UNIX, offset: unix.SOCK_STREAM})
	if err != nil {
		return fmt.Errorf("io_uring: socket: %w", err)
	}
	defer unix.Close(socket)
	raw := &unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	name := at.(*unix.SockaddrUnix).Name
	for i := 1; i < len(name); i++ {
		raw.Path[i] = int8(name[i])
	}
	_, err = r.do(ringEntry{op: opConnect, fd: int32(socket), addr: uint64(uintptr(unsafe.Pointer(raw))), offset: uint64(2 + len(name))})
	return err
}

// word returns a pointer to a 32-bit word of the rings.
func (r *ring) word(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.mem[offset])) }

// do submits one operation, waits for it and returns its result.
func (r *ring) do(e ringEntry) (int, error) {
	tail := *r.word(r.params.sq.tail)
	slot := tail & *r.word(r.params.sq.mask)
	*(*ringEntry)(unsafe.Pointer(&r.queue[slot*64])) = e
	*r.word(r.params.sq.array + 4*slot) = slot
	atomic.StoreUint32(r.word(r.params.sq.tail), tail+1)
	head := *r.word(r.params.cq.head)
	// A signal ends the wait without an error.
	for submit := uintptr(1); atomic.LoadUint32(r.word(r.params.cq.tail)) == head; submit = 0 {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, 1, enterGetEvents|enterWakeup, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			return 0, os.NewSyscallError("io_uring_enter", errno)
		}
	}
	// A completion is user_data followed by the result. cq.dropped is the sixth offset, which for
	// the completion queue is the offset of its entries.
	done := r.params.cq.dropped + 16*(head&*r.word(r.params.cq.mask))
	result := int32(*r.word(done + 8))
	atomic.StoreUint32(r.word(r.params.cq.head), head+1)
	if result < 0 {
		return 0, syscall.Errno(-result)
	}
	return int(result), nil
}
