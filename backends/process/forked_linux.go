package process

import (
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkedChild is all that the child of Fork needs, found out beforehand: it is a copy of one thread of a Go program
// without the others, where nothing can be allocated, waited for, or called that the runtime has a part in.
type forkedChild struct {
	flags    uintptr
	stdio    [3]uintptr
	terminal bool
	// inSession leaves it in its parent's.
	inSession  bool
	syncSocket uintptr
	preserve   uintptr

	limits      []rlimit
	filter      *unix.SockFprog
	filterFlags uintptr
	// listener, taken, released and child are words of a Board.
	listener, taken, released, child *uint32

	path       *byte
	argv, envv []*byte

	// pids, atOnce and hold are as in ForkOptions; early says that the filter is loaded before the birth, drops that the
	// capabilities of capData are taken on then.
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

// fork returns in the parent only. The child has a copy of the memory, not the memory itself, so that it may use the
// stack as it likes.
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
	if errno != unix.ECANCELED { // else nobody is there, and the end would be by SIGPIPE
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, c.syncSocket, uintptr(unsafe.Pointer(&c.report)), reportSize)
	}
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, exitStatus(step, errno), 0, 0)
	}
}

// become returns only when something fails.
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

// bear has the process born that will be the program's, in the pid namespace, and returns in that one only.
//
//go:norace
//go:nosplit
//go:noinline
func (c *forkedChild) forkInto() (step uint32, errno syscall.Errno) {
	// Those in the pid namespace could change in the child's memory what the others take for its pid.
	_, _, errno = unix.RawSyscall(unix.SYS_MADVISE, uintptr(unsafe.Pointer(c.child)), pageSize, unix.MADV_DONTFORK)
	if errno != 0 {
		return stepBear, errno
	}
	if c.early {
		if errno = c.load(); errno != 0 {
			return stepSeccomp, errno
		}
		if c.listener != nil {
			if errno = c.await(c.taken); errno == 0 {
				_, _, errno = unix.RawSyscall(unix.SYS_CLOSE, uintptr(*c.listener-1), 0, 0)
			}
			if errno != 0 {
				return stepSeccomp, errno
			}
		}
	}
	if c.drops {
		_, _, errno = unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&c.capHeader)), uintptr(unsafe.Pointer(&c.capData)), 0)
		if errno != 0 {
			return stepCaps, errno
		}
	}
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(forkFlags), 0, uintptr(unsafe.Pointer(c.child)), 0, 0, 0)
	if errno != 0 {
		return stepBear, errno
	}
	for pid != 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	if step, errno = c.session(); errno != 0 {
		return step, errno
	}
	if c.atOnce || c.hold {
		if errno = c.wait(); errno != 0 {
			return stepSync, errno
		}
	}
	return c.setLimits(true)
}

// session makes one of the process's own, with the terminal.
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

// setLimits sets the limits that are the child's own, or all others.
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

// isChilds tells which limits are for the process that is born in the pid namespace: that of the user's processes,
// which would count at its birth; and all, where it is born before the hard ones are raised for it.
//
//go:norace
//go:nosplit
func (c *forkedChild) isChilds(l *rlimit) bool {
	return c.pids != 0 && (c.atOnce || l.resource == unix.RLIMIT_NPROC)
}

// load loads the filter. Its listener's number is on the board then.
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

// maxLooks is some ten seconds: whoever is to pass the listener on may have been killed.
const maxLooks = 1 << 33

// await makes no system call. The memory is another process's to change.
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

// look is not inlined, so that it is done each time.
//
//go:norace
//go:nosplit
//go:noinline
func look(word *uint32) uint32 { return *word }

// exitStatus is what a shell would exit with (sh(1)).
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

// wait is for the byte at the gate. Should the other end close without it, nobody wants the program any more.
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

// descriptors closes all but stdio, those to preserve, and the gate, which is close-on-exec: see closeFrom.
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

// signals makes every signal do its default, and unblocks all: see resetSignals.
//
//go:norace
//go:nosplit
func (c *forkedChild) signals() syscall.Errno {
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		// SIGKILL and SIGSTOP are always so, and refused.
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&c.action)), 0, sigSetSize, 0, 0)
		if errno != 0 && sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			return errno
		}
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&c.mask)), 0, sigSetSize, 0, 0)
	return errno
}
