package crun

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// wait waits for a child. The whole program sleeps meanwhile. If it waited in a blocking system
// call, Go's scheduler would check 50 times in the first milliseconds whether the call takes long,
// at the other runtime's expense.
func wait(pid int) (syscall.WaitStatus, error) {
	pidfd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return waitBlocking(pid) // before Linux 5.10
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var status syscall.WaitStatus
	var waitErr error
	err = conn.Read(func(uintptr) bool {
		var done int
		done, waitErr = syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		return done != 0 && !errors.Is(waitErr, syscall.EINTR)
	})
	if err != nil {
		return waitBlocking(pid)
	}
	return status, waitErr
}
