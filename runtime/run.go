package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// RunOptions are the options that Run has beyond those of Create.
type RunOptions struct {
	// Detach makes Run return as soon as the container runs.
	Detach bool
	// Keep leaves the container's record behind when the container has ended.
	Keep bool
	// NoSubreaper keeps berth from becoming the parent of the container's orphans.
	NoSubreaper bool
}

// Run creates and starts a container. Unless Detach is set, it waits for the container and deletes
// it. It returns the exit status of the container's process, or 128 plus the number of the signal
// that ended the process.
func (r *Runtime) Run(ctx context.Context, p *Plan, o RunOptions) (int, error) {
	j, err := r.accept(p)
	if err != nil {
		return -1, err
	}
	if o.Detach {
		_, err := r.createAndStart(ctx, j, nil, func(forward func()) { forward() })
		return 0, err
	}
	if !o.NoSubreaper {
		if err := becomeSubreaper(); err != nil {
			return -1, fmt.Errorf("become a subreaper: %w", err)
		}
	}
	// Catch signals before anything runs, because none must be lost.
	signals, stop := catchSignals()
	defer stop()
	j.catches = true

	t, err := newTerminal(j.Bundle.Spec.Process, &j.Options.ConsoleSocket)
	if err != nil {
		return -1, err
	}
	defer t.close()
	c, err := r.createAndStart(ctx, j, t, func(forward func()) { go forward() })
	if err != nil {
		return -1, err
	}
	status, err := forward(c.Process.Pid, signals, t)
	t.drain()
	if !o.Keep {
		err = errors.Join(err, r.Delete(ctx, c.ID, true))
	}
	return status, err
}

func (r *Runtime) createAndStart(ctx context.Context, j *job, t *terminal, wait func(func())) (*backends.Container, error) {
	c, err := r.create(ctx, j)
	if err != nil {
		return nil, err
	}
	if err = t.attach(); err == nil {
		err = r.start(ctx, c, wait)
	}
	if err != nil {
		return nil, errors.Join(err, r.Delete(ctx, c.ID, true))
	}
	return c, nil
}

// forward passes signals on to the container's process, a child of berth, until that process ends.
// It returns the exit status as Run does.
func forward(pid int, signals <-chan os.Signal, t *terminal) (int, error) {
	ended := make(chan int, 1)
	failed := make(chan error, 1)
	go func() {
		var status syscall.WaitStatus
		for {
			_, err := syscall.Wait4(pid, &status, 0, nil)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				failed <- fmt.Errorf("wait for the container's process: %w", err)
				return
			}
			break
		}
		if status.Signaled() {
			ended <- 128 + int(status.Signal())
			return
		}
		ended <- status.ExitStatus()
	}()
	for {
		select {
		case status := <-ended:
			return status, nil
		case err := <-failed:
			return -1, err
		case sig := <-signals:
			switch sig {
			case unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE:
				// SIGCHLD and SIGPIPE are meant for berth, and Go's scheduler sends SIGURG to
				// itself.
			case unix.SIGWINCH:
				t.resize()
			default:
				_ = unix.Kill(pid, sig.(syscall.Signal))
			}
		}
	}
}
