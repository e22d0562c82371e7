package process

import (
	"fmt"
	"math"
	"slices"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// isPollDescriptor reports whether the Go runtime's poller uses the descriptor. Closing such a
// descriptor crashes the program.
//
//go:linkname isPollDescriptor internal/poll.IsPollDescriptor
func isPollDescriptor(fd uintptr) bool

// pollDescriptors is the number of descriptors that the poller has: the epoll instance and an
// eventfd to wake it.
const pollDescriptors = 2

// searchLimit bounds the search for the poller's descriptors. It is far more descriptors than berth
// ever has open.
const searchLimit = 1 << 16

// closeFrom closes the descriptors from first on. Close-on-exec is not enough: the descriptors
// would be open while the kernel looks up the path of the program, and /proc/self/fd/N could lead
// out of the container (CVE-2024-21626).
//
// The descriptors of the runtime's poller stay open, because they lead nowhere. The descriptors in
// keep stay open too. They must be sockets or pipes. closeFrom makes all of these close-on-exec.
func closeFrom(first int, keep []int) error {
	spare := map[int]bool{}
	for _, fd := range keep {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("keep descriptor %d until exec: %w", fd, err)
		}
		if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFSOCK && kind != unix.S_IFIFO {
			return fmt.Errorf("keep descriptor %d until exec: it is neither a socket nor a pipe", fd)
		}
		spare[fd] = true
	}
	for _, fd := range pollers() {
		spare[fd] = true
	}
	from := first
	for len(spare) > 0 {
		next := math.MaxInt
		for fd := range spare {
			next = min(next, fd)
		}
		delete(spare, next)
		if next < first {
			continue
		}
		if err := closeRange(from, next-1, 0); err != nil {
			return err
		}
		if err := closeRange(next, next, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return err
		}
		from = next + 1
	}
	return closeRange(from, math.MaxInt32, 0)
}

// pollers returns the descriptors of the runtime's poller.
func pollers() (fds []int) {
	for fd := 0; fd < searchLimit && len(fds) < pollDescriptors; fd++ {
		if isPollDescriptor(uintptr(fd)) {
			fds = append(fds, fd)
		}
	}
	return fds
}

func closeRange(from, to int, flags uint) error {
	if from > to {
		return nil
	}
	if err := unix.CloseRange(uint(from), uint(to), flags); err != nil {
		return fmt.Errorf("close descriptors %d to %d: %w", from, to, err)
	}
	return nil
}

// Isolate gives the calling thread its own descriptor table, in which only these stay open: stdio,
// the next preserve descriptors, the descriptors in keep, and the runtime's poller. A child that
// the thread forks has no other descriptors from its first moment on. The thread must be locked,
// and must end soon.
func Isolate(preserve int, keep ...int) error {
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return fmt.Errorf("unshare(CLONE_FILES): %w", err)
	}
	keep = append(pollers(), keep...)
	slices.Sort(keep)
	from := firstExtra + preserve
	for _, fd := range keep {
		if fd < from {
			continue
		}
		if err := closeRange(from, fd-1, 0); err != nil {
			return err
		}
		from = fd + 1
	}
	return closeRange(from, math.MaxInt32, 0)
}
