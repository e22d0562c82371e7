package link

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Host is create's end of the connection to the first process, which is its child.
type Host struct {
	Conn Conn
	Pid  int
	// Reap is as in Event.
	Reap int
	// waited is how the process Pid ended. It is nil until the process has been waited for.
	waited *waited
}

type waited struct {
	pid    int
	status syscall.WaitStatus
}

// Status returns how the process Pid has ended. It waits for the process, but no longer than
// patience. ok is false if the process has not ended by then.
func (h *Host) Status(patience time.Duration) (status syscall.WaitStatus, ok bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if w := h.waited; w != nil && w.pid == h.Pid {
			return w.status, true
		}
		pid, err := syscall.Wait4(h.Pid, &status, syscall.WNOHANG, nil)
		if err == nil && pid == h.Pid {
			h.waited = &waited{pid, status}
			continue
		}
		if err != nil && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
			return 0, false
		}
	}
}

// EndedError is the error of a process that has ended while it was still needed.
type EndedError struct{ Host *Host }

// shown is how long EndedError waits for the end of a process whose connection has closed. The
// process may itself have to wait for others in its pid namespace.
const shown = time.Second

func (e *EndedError) Error() string {
	status, ok := e.Host.Status(shown)
	switch {
	case !ok:
		return "the container's process ended while it was being created"
	case status.Signaled():
		return fmt.Sprintf("the container's process was killed by signal %d (%v) while it was being created", int(status.Signal()), status.Signal())
	}
	return fmt.Sprintf("the container's process ended with status %d while it was being created", status.ExitStatus())
}

// SaidError is an error that the process itself has sent. The process ends when it has sent it.
type SaidError struct{ Message string }

func (e *SaidError) Error() string { return e.Message }

// Said returns what the process sends without being asked, as a *SaidError, or how its connection
// ended. It always returns an error.
func (h *Host) Said() error {
	var e Event
	if err := h.Conn.Receive(&e); err != nil {
		return h.ended(err)
	}
	if e.Kind != EventError {
		return fmt.Errorf("the container's process sent an unexpected message %q", e.Kind)
	}
	return &SaidError{e.Message}
}

// Enclose tells the init process that create has recorded it and now starts an enclosure around it.
// Until then the init process ends when berth ends.
func (h *Host) Enclose() error {
	if err := h.Conn.Send(AnswerEnclose); err != nil {
		return h.ended(err)
	}
	return nil
}

// Prepare sends the init process its plan, and returns when only start is missing. It calls hooks
// when the root is built and the init process has not pivoted yet. Afterwards Pid is the process
// that waits for start. If the init process fails, the error is a *SaidError.
func (h *Host) Prepare(plan any, files []*os.File, hooks func() error) error {
	if err := h.Conn.Send(plan, files...); err != nil {
		return h.ended(err)
	}
	for {
		var e Event
		if err := h.Conn.Receive(&e); err != nil {
			return h.ended(err)
		}
		switch e.Kind {
		case EventReady:
			if e.Pid != 0 {
				h.Pid, h.Reap = e.Pid, e.Reap
			}
			return nil
		case EventError:
			return &SaidError{e.Message}
		case EventHooks:
			if err := hooks(); err != nil {
				return err
			}
			if err := h.Conn.Send(AnswerGo); err != nil {
				return h.ended(err)
			}
		default:
			return fmt.Errorf("the container's process sent an unknown message %q", e.Kind)
		}
	}
}

// Free lets the init process outlive berth. The init process confirms by closing its end. If it
// sends an error instead, Free returns that.
func (h *Host) Free() error { return h.free() }

// Release releases a process that does not wait for start. It returns when the program runs: exec
// closes the connection. If a step fails, the process sends the error instead.
func (h *Host) Release() error { return h.free() }

func (h *Host) free() error {
	if err := h.Conn.Send(AnswerFree); err != nil {
		return h.ended(err)
	}
	err := h.Said()
	if gone := (*EndedError)(nil); errors.As(err, &gone) {
		return nil
	}
	return err
}

// ended wraps the error of a failed connection: it returns an *EndedError if the process has closed
// its end.
func (h *Host) ended(err error) error {
	if !errors.Is(err, ErrPeerGone) {
		return fmt.Errorf("talk to the container's process: %w", err)
	}
	return &EndedError{h}
}
