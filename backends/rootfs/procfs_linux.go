package rootfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// newFilesystem is that of the package, but for a procfs of another pid namespace.
func (r *Root) newFilesystem(typ, source string, params []Param, attr uint64) (int, error) {
	if typ != "proc" || r.pid == nil {
		return newFilesystem(typ, source, params, attr)
	}
	fs, err := procContext(r.pid)
	if err != nil {
		return -1, fmt.Errorf("fsopen \"proc\" in the container's pid namespace: %w", err)
	}
	return configured(fs, typ, source, params, attr)
}

// procContext opens a file system context for a procfs of that pid namespace. Such a procfs is of the
// namespace of the process that called fsopen(2), so that one has to be born there: a copy of a thread
// that has nothing in view, nothing of the host's open and no mounts, whatever those in the namespace may look at.
func procContext(pid *os.File) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[0])
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		done <- sendProcContext(int(pid.Fd()), pair[1])
	}()
	err = <-done
	runtime.KeepAlive(pid)
	unix.Close(pair[1])
	if err != nil {
		return -1, err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[0], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return -1, fmt.Errorf("recvmsg: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.Join(err, unix.EPROTO)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.Join(err, unix.EPROTO)
	}
	return fds[0], nil
}

func sendProcContext(pid, socket int) error {
	if err := leaveMounts(); err != nil {
		return err
	}
	if err := unix.Setns(pid, unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("join the pid namespace: setns: %w", err)
	}
	if err := process.Isolate(0, socket); err != nil {
		return err
	}
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	// Go's handlers must not run in the child. The thread ends with all blocked.
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	c := newProcChild(socket)
	child, errno := c.fork()
	runtime.KeepAlive(c)
	if errno != 0 {
		return fmt.Errorf("fork: %w", errno)
	}
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(int(child), &status, 0, nil); err == nil {
			break
		} else if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
	}
	switch {
	case status.Signaled():
		return fmt.Errorf("killed: %v", status.Signal())
	case status.ExitStatus() != 0:
		return syscall.Errno(status.ExitStatus())
	}
	return nil
}

// leaveMounts gives the thread a mount namespace with an empty root and nothing else.
func leaveMounts() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare(CLONE_NEWNS): %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make / a recursive slave: %w", err)
	}
	empty, err := newFilesystem("tmpfs", "none", nil, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(empty)
	slash, err := openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(slash)
	if err := moveMount(empty, slash); err != nil {
		return err
	}
	return (&Root{tree: tree(empty)}).pivot()
}

// procChild is all that the child needs, which may allocate nothing.
type procChild struct {
	socket  uintptr
	name    *byte
	fd      *int32
	control []byte
	data    byte
	vector  unix.Iovec
	message unix.Msghdr
}

func newProcChild(socket int) *procChild {
	c := &procChild{socket: uintptr(socket), control: unix.UnixRights(0)}
	c.name, _ = unix.BytePtrFromString("proc")
	c.fd = (*int32)(unsafe.Pointer(&c.control[unix.CmsgLen(0)]))
	c.vector.Base = &c.data
	c.vector.SetLen(1)
	c.message.Iov = &c.vector
	c.message.SetIovlen(1)
	c.message.Control = &c.control[0]
	c.message.SetControllen(len(c.control))
	return c
}

// fork returns in the parent only. The child sends the context through the socket; its exit status is
// an error number.
//
//go:norace
//go:nosplit
//go:noinline
func (c *procChild) fork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_FSOPEN, uintptr(unsafe.Pointer(c.name)), unix.FSOPEN_CLOEXEC, 0)
	if errno == 0 {
		*c.fd = int32(fd)
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, c.socket, uintptr(unsafe.Pointer(&c.message)), 0)
	}
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}
