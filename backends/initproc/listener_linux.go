package initproc

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// makeBoard makes the board.
func (w *Waiting) makeSharedPage() (err error) {
	if w.sharedPage, err = process.NewSharedPage(); err != nil {
		return fmt.Errorf("memory in common with the process: %w", err)
	}
	return nil
}

// listens says that the process's filter makes a listener.
func (w *Waiting) listens() bool {
	return w.plan.Process.Seccomp != nil && w.plan.Process.Seccomp.Listener
}

// takeListener waits until the process has its filter, takes the listener from it,
// and tells it that it can go on to bear the program's process. If that is to
// load the filter itself, it waits until that has been born.
func (w *Waiting) takeListener() error {
	if !w.listens() {
		return nil
	}
	for w.sharedPage.Listener() < 0 || w.sharedPage.Child() != 0 {
		ended := []unix.PollFd{{Fd: int32(w.pidfd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ended, 0); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // it has failed, or the filter is the child's to load
		}
		time.Sleep(50 * time.Microsecond)
	}
	if err := w.grabListener(); err != nil {
		return err
	}
	w.sharedPage.Taken()
	return nil
}

// grabListener takes the listener out of the process.
func (w *Waiting) grabListener() error {
	fd, err := unix.PidfdGetfd(w.pidfd, w.sharedPage.Listener(), 0)
	if err != nil {
		return spec.Fieldf("linux.seccomp", "take the filter's listener from process %d: pidfd_getfd: %w", w.Pid, err)
	}
	w.listener = os.NewFile(uintptr(fd), "seccomp listener")
	return nil
}

// passListener passes the listener on, for which it waits if it was not taken yet,
// and lets the process go on when somebody has it.
func (w *Waiting) passListener() error {
	if !w.listens() {
		return nil
	}
	if w.listener == nil {
		if err := w.awaitListener(); err != nil || w.listener == nil {
			return err
		}
	}
	defer w.listener.Close()
	if err := w.Listener(w.listener); err != nil {
		return err
	}
	w.sharedPage.Release()
	return nil
}

// awaitListener takes the listener from the program's process.
func (w *Waiting) awaitListener() error {
	for w.sharedPage.Listener() < 0 {
		said := []unix.PollFd{{Fd: int32(w.syncSocket.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(said, 0); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // it has failed before, and says so
		}
		time.Sleep(50 * time.Microsecond)
	}
	return w.grabListener()
}
