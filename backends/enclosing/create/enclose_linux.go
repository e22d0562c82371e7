package create

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// startTimeout bounds the time that an enclosure may take to start. Proxmox VE alone waits up to
// 10 s for a lock.
const startTimeout = 2 * time.Minute

// startEnclosure starts the enclosure and returns when the stub init has called. The enclosure's
// tool may still be running then: awaitEnclosure waits for it.
func (cr *creation) startEnclosure(ctx context.Context) error {
	if err := cr.initProc.Enclose(); err != nil {
		return err
	}
	l, err := listen(cr.job)
	if err != nil {
		return err
	}
	defer unix.Close(l.fd)
	stop, giveUp, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stop.Close()
	defer giveUp.Close()

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	started := make(chan error, 1)
	go func() { started <- cr.tool.StartEnclosure(ctx, cr.job) }()
	called := make(chan call, 1)
	go func() {
		c, err := l.accept(int(stop.Fd()), cr.initProc.Conn.FD, cr.initProc.Pid)
		called <- call{c, err}
	}()
	wait := func() error {
		defer cancel()
		return <-started
	}

	select {
	case c := <-called:
		if c.err == nil {
			cr.enclosed(c.caller, wait)
			return nil
		}
		// Without the stub init the enclosure's tool may hang.
		cancel()
		if err := wait(); !errors.Is(c.err, errInitGone) {
			return errors.Join(c.err, err)
		}
		return cr.initProc.Said()
	case err := <-started:
		if err == nil {
			err = cr.awaitCall(ctx, called, func() error { cancel(); return nil })
		}
		if err != nil {
			cancel()
			giveUp.Close()
		}
		return err
	}
}

// call is what listener.accept returns.
type call struct {
	*caller
	err error
}

// enclosed notes the stub init, and tells the tool that it has called.
func (cr *creation) enclosed(c *caller, wait func() error) {
	cr.caller, cr.wait = c, wait
	close(cr.ready)
}

// awaitCall waits for the call of the stub init of an enclosure that is up: it is about to come.
func (cr *creation) awaitCall(ctx context.Context, called <-chan call, wait func() error) error {
	select {
	case c := <-called:
		if errors.Is(c.err, errInitGone) {
			return cr.initProc.Said()
		}
		if c.err == nil {
			cr.enclosed(c.caller, wait)
		}
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(10 * time.Second):
		return errNoStubInit
	}
}

var errNoStubInit = errors.New("the enclosure has started, but its init, berth's stub init, has not connected")

// awaitEnclosure waits until the tool has started the enclosure and the stub init has given up its
// rights. In between it sets a pids limit that limit has put off.
func (cr *creation) awaitEnclosure(context.Context) error {
	if err := cr.wait(); err != nil {
		return err
	}
	if cr.restorePidsLimit != nil {
		cr.restorePidsLimit()
		cr.limits.SkipDevices = true
		if err := cr.job.Data.Limit(cr.limits); err != nil {
			return err
		}
	}
	return cr.caller.awaitBare()
}
