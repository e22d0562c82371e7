package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Inheritable returns the number of descriptors that the user's process inherits beside stdio: the
// sockets of LISTEN_FDS, and then the descriptors of --preserve-fds. podman counts the sockets
// twice, so descriptors need to be open only up to the larger of the two numbers. Beyond that
// number Inheritable stops at the first closed descriptor. A closed descriptor below it is an
// error.
func Inheritable(listen, preserve int) (int, error) {
	const limit = 1 << 16
	if listen < 0 || preserve < 0 || listen > limit || preserve > limit-listen {
		return 0, errors.New("--preserve-fds must be a number of descriptors")
	}
	n := listen + preserve
	for i := range n {
		_, err := unix.FcntlInt(uintptr(3+i), unix.F_GETFD, 0)
		if err == nil {
			continue
		}
		if i >= max(listen, preserve) {
			return i, nil
		}
		return 0, fmt.Errorf("descriptor %d of --preserve-fds or LISTEN_FDS is not open", 3+i)
	}
	return n, nil
}
