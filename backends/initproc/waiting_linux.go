package initproc

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// Waiting is a process that waits on its sync socket and runs the program when it is released. If
// Exec returned it, it is a child of the caller.
type Waiting struct {
	// Pid is the process that waits on the sync socket. If the program's process is forked into
	// another pid namespace, Pid is that process from Go on: see process.Prepared.Fork.
	Pid int
	// Listener receives the listener of a seccomp filter with SCMP_ACT_NOTIFY.
	Listener   func(*os.File) error
	sharedPage *process.SharedPage
	// listener is the listener that was taken from the process, to be passed to Listener.
	listener *os.File
	// forks is true if Pid is an intermediate process that will fork the program's process.
	forks bool
	// first is the intermediate process, if another process has to wait for it.
	first int
	// pidfd refers to the process Pid. It stays open.
	pidfd int
	// inner is Pid in its own pid namespace, if it is known.
	inner      int
	path       string
	syncSocket *os.File
	plan       *ExecPlan
}

// hold opens the pidfd, before any process can have reaped Pid.
func (w *Waiting) hold() error {
	pidfd, err := unix.PidfdOpen(w.Pid, 0)
	if err != nil {
		return fmt.Errorf("the container's process %d: pidfd_open: %w", w.Pid, err)
	}
	if w.pidfd != 0 {
		unix.Close(w.pidfd)
	}
	w.pidfd = pidfd
	return nil
}

// pass releases the process and waits for the program to run. Unlike Go it does not kill the
// process after an error, because the process may be another process's child.
func (w *Waiting) pass() error {
	if err := w.letOn(); err != nil {
		w.syncSocket.Close()
		return killed(err)
	}
	return w.passed()
}

// passed waits until the program runs, or returns the reason why it does not.
func (w *Waiting) passed() error {
	defer w.sharedPage.Close()
	if err := w.passListener(); err != nil {
		_ = unix.PidfdSendSignal(w.pidfd, unix.SIGKILL, nil, 0)
		return err
	}
	report, err := io.ReadAll(io.LimitReader(w.syncSocket, 64))
	w.syncSocket.Close()
	if err == nil {
		err = w.plan.Process.Failure(report, w.path)
	}
	return killed(err)
}

// letOn writes the byte that the process reads from the sync socket.
func (w *Waiting) letOn() error {
	if _, err := w.syncSocket.Write([]byte{1}); err != nil {
		return fmt.Errorf("release the process: %w", err)
	}
	return nil
}

// killed drops errors that mean that the process has ended: a process that is killed before it runs
// the program is treated like one that is killed later.
func killed(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

var errNotForked = errors.New("the process was killed before it could execute the program")

// takeOver makes the forked process w.Pid after the intermediate process has ended. If there is
// none, it returns the reason.
func (w *Waiting) takeOver() error {
	if w.Pid = w.sharedPage.Child(); w.Pid != 0 {
		return w.hold()
	}
	report, err := io.ReadAll(io.LimitReader(w.syncSocket, 64))
	if err == nil {
		err = w.plan.Process.Failure(report, w.path)
	}
	if killed(err) == nil {
		err = errNotForked
	}
	return err
}
