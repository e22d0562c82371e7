package command

import "golang.org/x/sys/unix"

// inherited is the number of descriptors that berth got from its caller, counted from 3 up to the
// first gap. They are counted before berth opens its own.
var inherited = countInherited()

func countInherited() int {
	for n := 0; ; n++ {
		flags, err := unix.FcntlInt(uintptr(3+n), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return n
		}
	}
}
