package process

import (
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkedChild is everything that the child of Fork needs, computed in advance. The child is a copy
// of one thread of a Go program without the other threads, so it cannot allocate, block on the
// runtime, or call anything that involves the runtime.
type forkedChild struct {
	flags    uintptr
	stdio    [3]uintptr
	terminal bool
	// inSession keeps the child in its parent's session.
	inSession  bool
	syncSocket uintptr
	preserve   uintptr

	limits      []rlimit
	filter      *unix.SockFprog
	filterFlags uintptr
	// listener, taken, released and child are words of a SharedPage.
	listener, taken, released, child *uint32

	path       *byte
	argv, envv []*byte

	// pids, atOnce and hold are as in ForkOptions. early means that the intermediate process loads
	// the filter before it forks. drops means that it sets the capabilities of capData then.
	pids                       uintptr
	atOnce, hold, early, drops bool
	capHeader                  unix.CapUserHeader
	capData                    [2]unix.CapUserData

	action kernelAction
	mask   uint64
	pass   [1]byte
	report [2]uint32
}

type rlimit struct {
	resource uintptr
	values   [2]uint64 // soft, hard
}

// fork returns in the parent only. The child has a copy of the memory, not the memory itself, so it
// may use the stack.
//
//go:norace
//go:nosplit
//go:noinline
func (c *forkedChild) fork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, c.flags, 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	step, errno := c.become()
	c.report[0], c.report[1] = step, uint32(errno)
	if errno != unix.ECANCELED { // otherwise nobody reads, and SIGPIPE would end the process
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, c.syncSocket, uintptr(unsafe.Pointer(&c.report)), reportSize)
	}
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, exitStatus(step, errno), 0, 0)
	}
}

// become returns only if a step fails.
//
//go:norace
//go:nosplit
//go:noinline
func (c *forkedChild) become() (step uint32, errno syscall.Errno) {
	for i := uintptr(0); i < uintptr(len(c.stdio)); i++ {
		if c.stdio[i] == i {
			_, _, errno = unix.RawSyscall(unix.SYS_FCNTL, i, unix.F_SETFD, 0)
		} else {
			_, _, errno = unix.RawSyscall(unix.SYS_DUP3, c.stdio[i], i, 0)
		}
		if errno != 0 {
			return stepStdio, errno
		}
	}
	if c.pids == 0 {
		if step, errno = c.session(); errno != 0 {
			return step, errno
		}
	}
	if !c.atOnce {
		if errno = c.wait(); errno != 0 {
			return stepSync, errno
		}
	}
	if c.pids != 0 {
		if _, _, errno = unix.RawSyscall(unix.SYS_SETNS, c.pids, unix.CLONE_NEWPID, 0); errno != 0 {
			return stepJoin, errno
		}
	}
	if step, errno = c.setLimits(false); errno != 0 {
		return step, errno
	}
	if errno = c.descriptors(); errno != 0 {
		return stepDescriptors, errno
	}
	if errno = c.signals(); errno != 0 {
		return stepSignals, errno
	}
	if c.pids != 0 {
		if step, errno = c.forkInto(); errno != 0 {
			return step, errno
		}
	}
	if c.filter != nil && !c.early {
		if errno = c.load(); errno != 0 {
			return stepSeccomp, errno
		}
	}
	if c.listener != nil {
		if errno = c.await(c.released); errno != 0 {
			return stepSeccomp, errno
		}
	}
	for {
		_, _, errno = unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(c.path)), uintptr(unsafe.Pointer(&c.argv[0])), uintptr(unsafe.Pointer(&c.envv[0])))
		if errno != unix.EINTR {
			return stepExec, errno
		}
	}
}

// session creates a session for the process, and makes stdin its controlling terminal if there is a
// terminal.
//
//go:norace
//go:nosplit
func (c *forkedChild) session() (step uint32, errno syscall.Errno) {
	if !c.inSession {
		if _, _, errno = unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0); errno != 0 {
			return stepSession, errno
		}
	}
	if c.terminal {
		if _, _, errno = unix.RawSyscall(unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0); errno != 0 {
			return stepTerminal, errno
		}
	}
	return 0, 0
}

// setLimits sets the limits for which isChilds returns childs.
//
//go:norace
//go:nosplit
func (c *forkedChild) setLimits(childs bool) (step uint32, errno syscall.Errno) {
	for i := 0; i < len(c.limits); i++ {
		if c.isChilds(&c.limits[i]) != childs {
			continue
		}
		_, _, errno = unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, c.limits[i].resource, uintptr(unsafe.Pointer(&c.limits[i].values)), 0, 0, 0)
		if errno != 0 {
			return stepLimits + uint32(i), errno
		}
	}
	return 0, 0
}

// isChilds reports whether the program's process in the pid namespace sets the limit itself. It
// sets RLIMIT_NPROC, which would otherwise already count at its fork. With atOnce it sets all
// limits, because berth raises its hard limits only after the fork.
//
//go:norace
//go:nosplit
func (c *forkedChild) isChilds(l *rlimit) bool {
	return c.pids != 0 && (c.atOnce || l.resource == unix.RLIMIT_NPROC)
}

// load loads the filter and writes the number of its listener, if it has one, to the shared page.
//
//go:norace
//go:nosplit
func (c *forkedChild) load() syscall.Errno {
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, c.filterFlags, uintptr(unsafe.Pointer(c.filter)))
	if errno == 0 && c.listener != nil {
		*c.listener = uint32(fd) + 1
	}
	return errno
}

// maxLooks bounds the wait to about ten seconds, because the process that passes the listener on
// may have been killed.
const maxLooks = 1 << 33

// await polls the word until another process sets it. It makes no system call.
//
//go:norace
//go:nosplit
func (c *forkedChild) await(word *uint32) syscall.Errno {
	for n := uint64(0); n < maxLooks; n++ {
		if look(word) != 0 {
			return 0
		}
	}
	return unix.ETIMEDOUT
}

// look is not inlined, so that each call reads the memory.
//
//go:norace
//go:nosplit
//go:noinline
func look(word *uint32) uint32 { return *word }

// exitStatus returns the status that a shell would exit with (sh(1)).
//
//go:norace
//go:nosplit
func exitStatus(step uint32, errno syscall.Errno) uintptr {
	if step == stepExec && errno == unix.ENOENT {
		return 127
	}
	if step == stepExec && (errno == unix.EACCES || errno == unix.ENOEXEC) {
		return 126
	}
	return 1
}

// wait reads the byte from the sync socket. If the other end closes first, nobody wants the program
// any more.
//
//go:norace
//go:nosplit
func (c *forkedChild) wait() syscall.Errno {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, c.syncSocket, uintptr(unsafe.Pointer(&c.pass)), 1)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return errno
		case n == 1:
			return 0
		default:
			return unix.ECANCELED
		}
	}
}

// descriptors closes all descriptors except stdio, the preserved ones, and the sync socket, which
// it makes close-on-exec. closeFrom says why.
//
//go:norace
//go:nosplit
func (c *forkedChild) descriptors() syscall.Errno {
	first := firstExtra + c.preserve
	if c.syncSocket > first {
		if _, _, errno := unix.RawSyscall(unix.SYS_CLOSE_RANGE, first, c.syncSocket-1, 0); errno != 0 {
			return errno
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOSE_RANGE, c.syncSocket+1, math.MaxInt32, 0); errno != 0 {
		return errno
	}
	for fd := uintptr(firstExtra); fd < first; fd++ {
		if _, _, errno := unix.RawSyscall(unix.SYS_FCNTL, fd, unix.F_SETFD, 0); errno != 0 {
			return errno
		}
	}
	_, _, errno := unix.RawSyscall(unix.SYS_FCNTL, c.syncSocket, unix.F_SETFD, unix.FD_CLOEXEC)
	return errno
}

// signals resets every signal to its default and unblocks all, as resetSignals does.
//
//go:norace
//go:nosplit
func (c *forkedChild) signals() syscall.Errno {
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		// The kernel refuses to change SIGKILL and SIGSTOP, which always have their default.
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&c.action)), 0, sigSetSize, 0, 0)
		if errno != 0 && sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			return errno
		}
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&c.mask)), 0, sigSetSize, 0, 0)
	return errno
}
