package initproc

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/initproc/link"
)

// Go releases the process. It returns when the program runs, or with the reason why it does not.
func (w *Waiting) Go() error {
	err := w.forkAndRelease()
	if err != nil {
		w.Kill()
	}
	return err
}

func (w *Waiting) forkAndRelease() error {
	if !w.forks {
		return w.pass()
	}
	if err := w.letOn(); killed(err) != nil {
		return err
	}
	if err := w.takeListener(); err != nil {
		return err
	}
	if err := w.follow(); err != nil {
		return err
	}
	if !w.holds() {
		return w.passed()
	}
	if err := w.plan.Process.Schedule(w.Pid); err != nil {
		return err
	}
	return w.pass()
}

// takeListener waits until the intermediate process has loaded its filter, takes the listener from
// it, and tells it to go on and fork the program's process. If the program's process loads the
// filter itself, takeListener waits until the intermediate process has ended.
func (w *Waiting) takeListener() error {
	if !w.listens() {
		return nil
	}
	for w.sharedPage.Listener() < 0 || w.sharedPage.Child() != 0 {
		ended := []unix.PollFd{{Fd: int32(w.pidfd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ended, 0); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // it has failed, or the child loads the filter
		}
		time.Sleep(50 * time.Microsecond)
	}
	if err := w.grabListener(); err != nil {
		return err
	}
	w.sharedPage.Taken()
	return nil
}

// follow waits for the intermediate process, which was released and forks the program's process,
// and takes that process over.
func (w *Waiting) follow() error {
	var status unix.WaitStatus
	err := link.Retry(func() error { _, err := unix.Wait4(w.Pid, &status, 0, nil); return err })
	if err != nil {
		return fmt.Errorf("wait for process %d, which forks the container's process: %w", w.Pid, err)
	}
	w.forks = false
	if err := w.takeOver(); !errors.Is(err, errNotForked) {
		return err
	}
	return fmt.Errorf("%w: %s", errNotForked, ending(status))
}

// ending describes how a process has ended.
func ending(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// Grant sets on the process what only the host can set.
func (w *Waiting) Grant() error {
	if err := w.plan.Process.GrantChild(w.Pid); err != nil || w.forks {
		return err
	}
	return w.plan.Process.Schedule(w.Pid)
}

// holds reports whether the program's process reads a second byte from the sync socket, because it
// gets a scheduler first.
func (w *Waiting) holds() bool { return w.plan.Process.Scheduler != nil }

// Kill kills the process and reaps it.
func (w *Waiting) Kill() {
	w.syncSocket.Close()
	if w.Pid == 0 {
		return
	}
	_ = unix.Kill(w.Pid, unix.SIGKILL)
	_ = link.Retry(func() error { _, err := unix.Wait4(w.Pid, nil, 0, nil); return err })
}
