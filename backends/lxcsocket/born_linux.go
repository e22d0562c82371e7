package lxcsocket

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/cgroup"
)

// socketsIn makes a stream and a datagram socket that belong to a cgroup. A process that is forked
// into the cgroup makes them, in the file descriptor table that it shares with this process.
func socketsIn(group *cgroup.Group) (stream, datagram *os.File, err error) {
	if stream, err = os.Open(os.DevNull); err != nil { // reserves the descriptor
		return nil, nil, err
	}
	if datagram, err = os.Open(os.DevNull); err != nil {
		stream.Close()
		return nil, nil, err
	}
	m := &maker{
		arguments: cloneArguments{flags: unix.CLONE_FILES | unix.CLONE_INTO_CGROUP, cgroup: uint64(group.Fd())},
		places:    [...]uintptr{stream.Fd(), datagram.Fd()},
		kinds:     [...]uintptr{unix.SOCK_STREAM | unix.SOCK_CLOEXEC, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC},
	}
	if err := m.run(); err != nil {
		stream.Close()
		datagram.Close()
		return nil, nil, err
	}
	return stream, datagram, nil
}

// maker is the process that makes the sockets. It is a copy of one thread of a Go program without
// the others, so it must not allocate, wait, or call anything that involves the Go runtime.
type maker struct {
	arguments cloneArguments
	places    [2]uintptr // the descriptors that become sockets
	kinds     [2]uintptr
}

// cloneArguments is struct clone_args of clone(2). The exit signal is 0, so that code that waits
// for child processes does not see this one.
type cloneArguments struct {
	flags  uint64
	_      [9]uint64
	cgroup uint64
}

func (m *maker) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, own unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	// Go's signal handlers must not run in the child.
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &own); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	pid, errno := m.fork()
	err := unix.PthreadSigmask(unix.SIG_SETMASK, &own, nil)
	runtime.KeepAlive(m)
	if errno != 0 {
		return os.NewSyscallError("clone3", errno)
	}
	var status unix.WaitStatus
	for {
		_, werr := unix.Wait4(int(pid), &status, unix.WALL, nil)
		if errors.Is(werr, unix.EINTR) {
			continue
		}
		if werr != nil {
			return os.NewSyscallError("wait4", werr)
		}
		break
	}
	if status != 0 {
		return fmt.Errorf("socket: %w", syscall.Errno(status.ExitStatus()))
	}
	return err
}

// fork forks the child, which makes the sockets and exits. fork returns only in the parent.
//
//go:norace
//go:nosplit
//go:noinline
func (m *maker) fork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&m.arguments)), unsafe.Sizeof(m.arguments), 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	errno = m.sockets()
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}

//go:norace
//go:nosplit
//go:noinline
func (m *maker) sockets() syscall.Errno {
	for i := 0; i < len(m.places); i++ {
		fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_UNIX, m.kinds[i], 0)
		if errno != 0 {
			return errno
		}
		_, _, errno = unix.RawSyscall(unix.SYS_DUP3, fd, m.places[i], unix.O_CLOEXEC)
		_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		if errno != 0 {
			return errno
		}
	}
	return 0
}
