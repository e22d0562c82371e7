package process

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/seccomp"
)

// join decides which steps the intermediate process does for the child.
func (c *forkedChild) join(a *Attributes, sharedPage *SharedPage) (err error) {
	c.child = sharedPage.word(wordChild)
	c.early = c.loadsEarly(a.Seccomp)
	c.drops = c.early || a.Seccomp == nil || a.NoNewPrivileges
	c.capHeader, c.capData, err = a.finalCaps()
	return err
}

// finalCaps returns the arguments of capset(2) that drop the CAP_SYS_ADMIN that Prepare has kept in
// the sets of the calling thread.
func (a *Attributes) finalCaps() (hdr unix.CapUserHeader, data [2]unix.CapUserData, err error) {
	hdr.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return hdr, data, fmt.Errorf("capget: %w", err)
	}
	switch c := a.Capabilities; {
	case c == nil && a.UID != 0: // setresuid(2) has left none effective
		data[0].Effective &^= admin
	case c != nil:
		data[0].Permitted &^= uint32(admin &^ c.Permitted)
		data[0].Effective &^= uint32(admin &^ (c.Effective & c.Permitted))
	}
	return hdr, data, nil
}

// loadsEarly reports whether the intermediate process can load the filter before it forks the
// child. The child then never runs without the filter and never has CAP_SYS_ADMIN to load it. The
// filter has to allow all calls from that point up to the execve. (The execve itself counts as the
// program's own call and always runs under the filter.)
func (c *forkedChild) loadsEarly(f *seccomp.Filter) bool {
	if f == nil || f.Flags&unix.SECCOMP_FILTER_FLAG_TSYNC != 0 || f.Listener && c.atOnce {
		return false
	}
	known := func(number int, args ...uint64) seccomp.Call {
		call := seccomp.Call{Number: number}
		for _, a := range args {
			call.Args = append(call.Args, seccomp.Arg(a))
		}
		return call
	}
	clone := known(unix.SYS_CLONE, forkFlags, 0)
	clone.Args = append(clone.Args, nil, seccomp.Arg(0), seccomp.Arg(0))
	calls := []seccomp.Call{
		{Number: unix.SYS_CAPSET}, clone, {Number: unix.SYS_EXIT_GROUP}, known(unix.SYS_SETSID),
	}
	if c.terminal {
		calls = append(calls, known(unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0))
	}
	if c.atOnce || c.hold {
		read := known(unix.SYS_READ, uint64(c.syncSocket))
		read.Args = append(read.Args, nil, seccomp.Arg(1))
		calls = append(calls, read)
	}
	for _, l := range c.limits {
		if c.isChilds(&l) {
			calls = append(calls, known(unix.SYS_PRLIMIT64, 0, uint64(l.resource)))
		}
	}
	if f.Listener {
		calls = append(calls, seccomp.Call{Number: unix.SYS_CLOSE})
	}
	return f.Permits(calls...)
}

// forkFlags are the clone(2) flags for a child in another pid namespace. The child is a sibling of
// the intermediate process that forks it, and the kernel writes its pid into the intermediate
// process's memory.
const forkFlags = uint64(unix.SIGCHLD) | unix.CLONE_PARENT | unix.CLONE_PARENT_SETTID

// forkInto forks the program's process into the pid namespace, and returns only in that process.
//
//go:norace
//go:nosplit
//go:noinline
func (c *forkedChild) forkInto() (step uint32, errno syscall.Errno) {
	// The child must not share this page. Through the child's memory, processes in the pid
	// namespace could change the pid that berth reads from the page.
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
