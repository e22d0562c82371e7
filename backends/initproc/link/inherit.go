package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Inheritable counts the descriptors that the user's process gets beside
// stdio: the sockets of LISTEN_FDS, then those of --preserve-fds. podman counts
// the sockets twice, so only what is beyond both has to be there.
func Inheritable(listen, preserve int) (int, error) {
	if listen < 0 || preserve < 0 || listen+preserve > 1<<16 {
		return 0, errors.New("--preserve-fds: not a number of descriptors")
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
		return 0, fmt.Errorf("descriptor %d, which --preserve-fds or LISTEN_FDS names, is not open", 3+i)
	}
	return n, nil
}
