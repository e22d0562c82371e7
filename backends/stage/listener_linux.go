package stage

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// makeBoard makes the board of a process whose seccomp filter has a listener.
func (w *Waiting) makeBoard() (err error) {
	if f := w.plan.Process.Seccomp; f == nil || !f.Listener {
		return nil
	}
	if w.board, err = process.NewBoard(); err != nil {
		return fmt.Errorf("linux.seccomp: memory for the filter's listener: %w", err)
	}
	return nil
}

// passListener waits for the process to have its filter, takes the listener from
// it, and lets it go on when somebody has that.
func (w *Waiting) passListener() error {
	if w.board == nil {
		return nil
	}
	defer w.board.Close()
	fd := w.board.Listener()
	for ; fd < 0; fd = w.board.Listener() {
		said := []unix.PollFd{{Fd: int32(w.gate.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(said, 0); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // it has failed before, and says so
		}
		time.Sleep(50 * time.Microsecond)
	}
	got, err := unix.PidfdGetfd(w.pidfd, fd, 0)
	if err != nil {
		return fmt.Errorf("linux.seccomp: take the filter's listener from process %d: pidfd_getfd: %w", w.Pid, err)
	}
	listener := os.NewFile(uintptr(got), "seccomp listener")
	defer listener.Close()
	if err := w.Listener(listener); err != nil {
		return err
	}
	w.board.Release()
	return nil
}
