package runtime

import (
	"context"
	"errors"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// Errors of Exec, in runc's words.
var (
	ErrExecStopped = errors.New("cannot exec in a stopped container")
	ErrExecPaused  = errors.New("cannot exec in a paused container (use --ignore-paused to override)")
)

// ExecOptions say what to run and how.
type ExecOptions struct {
	backends.ExecOptions
	// Call is the command as it was given, for a runtime that is delegated to.
	Call backends.Call
	// Process makes the process from the container's own, which it must not
	// change.
	Process func(own specs.Process) (*specs.Process, error)
	// Detach returns when the process runs.
	Detach  bool
	PidFile string
	// IgnorePaused lets the process be made in a paused container, where it
	// waits for Resume.
	IgnorePaused bool
	// Inherited is as in CreateOptions.
	Inherited int
}

// Exec runs a process in a container that runs and, unless detached, waits for
// it. It returns its exit status as Run does.
func (r *Runtime) Exec(ctx context.Context, id string, o ExecOptions) (int, error) {
	c, b, status, err := r.operator(id, o.Call)
	switch {
	case errors.Is(err, ErrNotRunning):
		return -1, ErrExecStopped
	case err != nil:
		return -1, err
	case status == StatePaused && !o.IgnorePaused:
		return -1, ErrExecPaused
	}
	p, err := o.process(c, b)
	if err != nil {
		return -1, err
	}
	if o.PreserveFDs, err = preserveFDs(o.PreserveFDs, 0, o.Inherited); err != nil {
		return -1, err
	}
	if o.Detach {
		if err := checkTerminal(p.Terminal, o.ConsoleSocket != ""); err != nil {
			return -1, err
		}
		_, err := o.start(ctx, c, b, p)
		return 0, err
	}
	if o.ConsoleSocket != "" {
		return -1, errConsoleSocket
	}
	signals, stop := catchSignals()
	defer stop()
	t, err := newTerminal(p, &o.ConsoleSocket)
	if err != nil {
		return -1, err
	}
	defer t.close()
	// The program runs before its terminal has come here.
	if size := t.size(); size != nil {
		p.ConsoleSize = size
	}
	made, err := o.start(ctx, c, b, p)
	if err != nil {
		return -1, err
	}
	if err := t.attach(); err != nil {
		end(made)
		return -1, err
	}
	code, err := forward(made.Pid, signals, t)
	t.drain()
	return code, err
}

func (o *ExecOptions) process(c *backends.Container, b backends.Operator) (*specs.Process, error) {
	own, err := b.OwnProcess(c)
	if err != nil {
		return nil, err
	}
	return o.Process(*own)
}

// start runs the process and writes its pid file.
func (o *ExecOptions) start(ctx context.Context, c *backends.Container, b backends.Operator, p *specs.Process) (backends.Process, error) {
	made, err := b.Exec(ctx, c, p, o.ExecOptions)
	if err != nil {
		return made, running(err)
	}
	if o.PidFile == "" {
		return made, nil
	}
	if err := writePidFile(o.PidFile, made.Pid); err != nil {
		end(made)
		return made, err
	}
	return made, nil
}

// end ends a process, our child, that is not wanted after all.
func end(p backends.Process) {
	_ = unix.Kill(p.Pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(p.Pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

var errConsoleSocket = errors.New("cannot use console socket if berth will not detach or allocate tty")
