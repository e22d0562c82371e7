package command

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// keepDescriptors sees to it that nothing berth starts, a hook or a container's
// monitor, holds on to what its caller has left open. What is meant for the
// container is handed on by number.
func keepDescriptors() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range(CLOSE_RANGE_CLOEXEC): %w", err)
	}
	return nil
}

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
