package link

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Host is create's end of the connection to the first process, its child.
type Host struct {
	Conn Conn
	Pid  int
}

// Raise tells the stage that it is recorded and that an enclosure is now being
// made around it. Until then it ends with berth.
func (h *Host) Raise() error {
	if err := h.Conn.Send(AnswerRaise); err != nil {
		return h.ended(err)
	}
	return nil
}

// Prepare sends the stage its plan and returns when only start is missing.
// hooks is called when the root is built and before the stage pivots to it. Pid
// is then the process that waits.
func (h *Host) Prepare(plan any, files []*os.File, hooks func() error) error {
	if err := h.Conn.Send(plan, files...); err != nil {
		return h.ended(err)
	}
	for {
		var e Event
		if _, err := h.Conn.Receive(&e); err != nil {
			return h.ended(err)
		}
		switch e.Kind {
		case EventReady:
			if e.Pid != 0 {
				h.Pid = e.Pid
			}
			return nil
		case EventError:
			return errors.New(e.Message)
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

// Free lets the stage live on without berth.
func (h *Host) Free() error {
	if err := h.Conn.Send(AnswerFree); err != nil {
		return h.ended(err)
	}
	// It confirms by closing its end.
	var e Event
	if _, err := h.Conn.Receive(&e); !errors.Is(err, ErrPeerGone) {
		return h.ended(err)
	}
	return nil
}

// Release lets a process go that does not wait for start, and returns when it
// runs its program: the connection ends by the exec, or carries what failed.
func (h *Host) Release() error {
	if err := h.Conn.Send(AnswerFree); err != nil {
		return h.ended(err)
	}
	var e Event
	_, err := h.Conn.Receive(&e)
	switch {
	case errors.Is(err, ErrPeerGone):
		return nil
	case err != nil:
		return h.ended(err)
	}
	return errors.New(e.Message)
}

// ended says how the stage ended, where it did.
func (h *Host) ended(err error) error {
	if !errors.Is(err, ErrPeerGone) {
		return fmt.Errorf("talk to the container's process: %w", err)
	}
	var status syscall.WaitStatus
	if pid, werr := syscall.Wait4(h.Pid, &status, syscall.WNOHANG, nil); werr == nil && pid == h.Pid {
		if status.Signaled() {
			return fmt.Errorf("the container's process was killed while it was being made: %v", status.Signal())
		}
		return fmt.Errorf("the container's process ended while it was being made, with status %d", status.ExitStatus())
	}
	return errors.New("the container's process ended while it was being made")
}
