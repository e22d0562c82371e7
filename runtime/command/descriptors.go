package command

import "golang.org/x/sys/unix"

// inherited is the number of descriptors, from 3 on without a gap, that berth
// has from its caller. They are counted before berth opens its own.
var inherited = countInherited()

func countInherited() int {
	for n := 0; ; n++ {
		flags, err := unix.FcntlInt(uintptr(3+n), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return n
		}
	}
}
