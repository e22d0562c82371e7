package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/seccomp"
)

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
