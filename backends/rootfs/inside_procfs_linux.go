package rootfs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/osthread"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/seccomp"
)

// newFilesystem is like the function newFilesystem, but it makes a procfs in r.pid if that is set.
func (r *Root) newFilesystem(typ, source string, params []Param, attr uint64) (int, error) {
	if typ != "proc" || r.pid == nil {
		return newFilesystem(typ, source, params, attr)
	}
	fs, err := procContext(r.pid)
	if err != nil {
		return -1, fmt.Errorf("fsopen \"proc\" in the container's pid namespace: %w", err)
	}
	mount, err := configured(fs, typ, source, params, attr)
	if err == nil {
		if err = checkProc(mount); err != nil {
			unix.Close(mount)
			return -1, err
		}
	}
	return mount, err
}

// checkProc checks that mount is a procfs. A process in the pid namespace may have tampered with
// the child that opened it.
func checkProc(mount int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(mount, &fs); err != nil {
		return fmt.Errorf("the procfs of the container's pid namespace: fstatfs: %w", err)
	}
	if uint32(fs.Type) != unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("the procfs of the container's pid namespace is another file system, of type %#x: a process in that namespace has interfered", uint32(fs.Type))
	}
	return nil
}

// procContext opens a file system context for a procfs of the given pid namespace. It uses the
// procfs option pidns (Linux 6.17 and later) or a process that is forked into the namespace.
func procContext(pid *os.File) (int, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := unix.FsconfigSetFd(fs, "pidns", int(pid.Fd())); err == nil {
		return fs, nil
	}
	unix.Close(fs)
	return forkedProcContext(pid)
}

// forkedProcContext is procContext for a kernel without the option pidns. A procfs belongs to the
// pid namespace of the process that called fsopen(2), so a process has to be forked into the
// namespace. Processes there can inspect and control it (ptrace(2)). It therefore has no mounts, no
// open file but the socket, no capability but the one that fsopen needs, and a seccomp filter that
// allows only its few system calls.
func forkedProcContext(pid *os.File) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[0])
	err = osthread.Run(func() error { return sendProcContext(int(pid.Fd()), pair[1]) })
	runtime.KeepAlive(pid)
	unix.Close(pair[1])
	if err != nil {
		return -1, err
	}
	return receiveContext(pair[0])
}

func receiveContext(socket int) (int, error) {
	_, files, err := link.ReceiveMessage(socket, make([]byte, 1), 1)
	if err != nil || len(files) != 1 {
		return -1, fmt.Errorf("receive the procfs: %w", errors.Join(err, unix.EPROTO))
	}
	defer files[0].Close()
	return unix.FcntlInt(files[0].Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

func sendProcContext(pid, socket int) error {
	if err := leaveMounts(); err != nil {
		return err
	}
	if err := process.Isolate(0, pid, socket); err != nil {
		return err
	}
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	// Go's signal handlers must not run in the child. The thread ends with all signals blocked.
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	c, err := newProcChild(pid, socket)
	if err != nil {
		return err
	}
	first, errno := c.fork()
	runtime.KeepAlive(c)
	if errno != 0 {
		return fmt.Errorf("fork: %w", errno)
	}
	if err := ended(int(first), "join the pid namespace or drop rights"); err != nil {
		return err
	}
	return ended(-1, "fsopen or send its descriptor")
}

// ended waits for a child of the calling thread (any child if pid is -1). It returns an error if
// the child was killed or failed; the child's exit status is an errno.
func ended(pid int, what string) error {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, unix.WNOTHREAD, nil); err == nil {
			break
		} else if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
	}
	switch {
	case status.Signaled():
		return fmt.Errorf("%s: killed: %v", what, status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("%s: %w", what, syscall.Errno(status.ExitStatus()))
	}
	return nil
}

// leaveMounts gives the thread a mount namespace that consists of an empty root.
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

// procChild holds all data that the two child processes need, because they must not allocate
// memory.
type procChild struct {
	pid, socket uintptr
	filter      *unix.SockFprog
	capHeader   unix.CapUserHeader
	capData     [2]unix.CapUserData

	name    *byte
	fd      *int32
	control []byte
	data    byte
	vector  unix.Iovec
	message unix.Msghdr
}

func newProcChild(pid, socket int) (c *procChild, err error) {
	c = &procChild{pid: uintptr(pid), socket: uintptr(socket), control: unix.UnixRights(0)}
	c.filter, err = seccomp.Only(unix.SYS_CLONE, unix.SYS_FSOPEN, unix.SYS_SENDMSG, unix.SYS_EXIT_GROUP).Prog()
	if err != nil {
		return nil, err
	}
	c.capHeader.Version = unix.LINUX_CAPABILITY_VERSION_3
	c.capData[0].Permitted, c.capData[0].Effective = 1<<unix.CAP_SYS_ADMIN, 1<<unix.CAP_SYS_ADMIN
	c.name, _ = unix.BytePtrFromString("proc")
	c.fd = (*int32)(unsafe.Pointer(&c.control[unix.CmsgLen(0)]))
	c.vector.Base = &c.data
	c.vector.SetLen(1)
	c.message.Iov = &c.vector
	c.message.SetIovlen(1)
	c.message.Control = &c.control[0]
	c.message.SetControllen(len(c.control))
	return c, nil
}

// fork forks a child and returns in the parent only. The child stays outside the pid namespace and
// forks a sibling of itself (CLONE_PARENT) into the namespace. The sibling sends the file system
// context through the socket. The exit status of both is an errno.
//
//go:norace
//go:nosplit
//go:noinline
func (c *procChild) fork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	if errno = c.bare(); errno == 0 {
		pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_PARENT, 0, 0, 0, 0, 0)
		if errno == 0 && pid == 0 {
			errno = c.send()
		}
	}
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}

// bare drops the child's privileges and descriptors, and makes its next child start in the pid
// namespace.
//
//go:norace
//go:nosplit
func (c *procChild) bare() (errno syscall.Errno) {
	if _, _, errno = unix.RawSyscall(unix.SYS_SETNS, c.pid, unix.CLONE_NEWPID, 0); errno != 0 {
		return errno
	}
	if c.socket > 0 {
		if _, _, errno = unix.RawSyscall(unix.SYS_CLOSE_RANGE, 0, c.socket-1, 0); errno != 0 {
			return errno
		}
	}
	if _, _, errno = unix.RawSyscall(unix.SYS_CLOSE_RANGE, c.socket+1, math.MaxInt32, 0); errno != 0 {
		return errno
	}
	_, _, errno = unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&c.capHeader)), uintptr(unsafe.Pointer(&c.capData)), 0)
	if errno != 0 {
		return errno
	}
	if _, _, errno = unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	_, _, errno = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(c.filter)))
	return errno
}

// send opens the file system context and sends it through the socket.
//
//go:norace
//go:nosplit
func (c *procChild) send() syscall.Errno {
	fd, _, errno := unix.RawSyscall(unix.SYS_FSOPEN, uintptr(unsafe.Pointer(c.name)), unix.FSOPEN_CLOEXEC, 0)
	if errno == 0 {
		*c.fd = int32(fd)
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, c.socket, uintptr(unsafe.Pointer(&c.message)), 0)
	}
	return errno
}
