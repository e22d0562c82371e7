package stage

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Raise tells the stage that it is recorded and that an enclosure is now being
// made around it. Until then it ends with berth.
func (p *Process) Raise() error {
	if err := p.conn.send(answerRaise); err != nil {
		return p.ended(err)
	}
	return nil
}

// Prepare sends the stage its plan and returns when only start is missing.
// hooks is called when the root is built and before the stage pivots to it.
func (p *Process) Prepare(plan *Plan, files []*os.File, hooks func() error) error {
	if err := p.conn.send(plan, files...); err != nil {
		return p.ended(err)
	}
	for {
		var e event
		if _, err := p.conn.receive(&e); err != nil {
			return p.ended(err)
		}
		switch e.Kind {
		case eventReady:
			return nil
		case eventError:
			return errors.New(e.Message)
		case eventHooks:
			if err := hooks(); err != nil {
				return err
			}
			if err := p.conn.send(answerGo); err != nil {
				return p.ended(err)
			}
		default:
			return fmt.Errorf("the container's process sent an unknown message %q", e.Kind)
		}
	}
}

// Free lets the stage live on without berth.
func (p *Process) Free() error {
	if err := p.conn.send(answerFree); err != nil {
		return p.ended(err)
	}
	// It confirms by closing its end.
	var e event
	if _, err := p.conn.receive(&e); !errors.Is(err, errPeerGone) {
		return p.ended(err)
	}
	return nil
}

// ended says how the stage ended, where it did.
func (p *Process) ended(err error) error {
	if !errors.Is(err, errPeerGone) {
		return fmt.Errorf("talk to the container's process: %w", err)
	}
	var status syscall.WaitStatus
	if pid, werr := syscall.Wait4(p.Pid, &status, syscall.WNOHANG, nil); werr == nil && pid == p.Pid {
		if status.Signaled() {
			return fmt.Errorf("the container's process was killed while it was being made: %v", status.Signal())
		}
		return fmt.Errorf("the container's process ended while it was being made, with status %d", status.ExitStatus())
	}
	return errors.New("the container's process ended while it was being made")
}
