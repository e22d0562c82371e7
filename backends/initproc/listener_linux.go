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

// makeSharedPage allocates the shared page.
func (w *Waiting) makeSharedPage() (err error) {
	if w.sharedPage, err = process.NewSharedPage(); err != nil {
		return fmt.Errorf("map the memory shared with the process: %w", err)
	}
	return nil
}

// listens reports whether the process's filter has a listener.
func (w *Waiting) listens() bool {
	return w.plan.Process.Seccomp != nil && w.plan.Process.Seccomp.Listener
}

// grabListener duplicates the listener from the process.
func (w *Waiting) grabListener() error {
	fd, err := unix.PidfdGetfd(w.pidfd, w.sharedPage.Listener(), 0)
	if err != nil {
		return spec.Fieldf("linux.seccomp", "take the filter's listener from process %d: pidfd_getfd: %w", w.Pid, err)
	}
	w.listener = os.NewFile(uintptr(fd), "seccomp listener")
	return nil
}

// passListener passes the listener on and then lets the process continue. If the listener has not
// been taken yet, passListener waits for it.
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

// awaitListener waits for the listener and takes it from the program's process.
func (w *Waiting) awaitListener() error {
	for w.sharedPage.Listener() < 0 {
		said := []unix.PollFd{{Fd: int32(w.syncSocket.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(said, 0); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // it has failed earlier and has sent a report
		}
		time.Sleep(50 * time.Microsecond)
	}
	return w.grabListener()
}
