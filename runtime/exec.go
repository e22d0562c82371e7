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

// ExecOptions are the options of Exec.
type ExecOptions struct {
	backends.ExecOptions
	// Process returns the process to run. own is the container's own process, which Process must
	// not change.
	Process func(own specs.Process) (*specs.Process, error)
	// Detach makes Exec return as soon as the process runs.
	Detach  bool
	PidFile string
	// IgnorePaused allows Exec in a paused container. The new process waits there for Resume.
	IgnorePaused bool
	// Inherited has the same meaning as in CreateOptions.
	Inherited int
}

// Exec runs a further process in a container. Unless Detach is set, it waits for that process and
// returns the exit status as Run does. It fails with ErrExecStopped in a stopped container, and
// with ErrExecPaused in a paused one unless IgnorePaused is set.
func (r *Runtime) Exec(ctx context.Context, c *backends.Container, o ExecOptions) (int, error) {
	b, status, err := r.operator(c, "exec")
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
	// The program starts before berth receives its terminal, so the size is set beforehand.
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

// start runs the process p and writes its pid file. It kills the process if it cannot write the
// file.
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

// end kills and reaps a child process that is not wanted after all.
func end(p backends.Process) {
	_ = unix.Kill(p.Pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(p.Pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

var errConsoleSocket = errors.New("cannot use console socket if berth will not detach or allocate tty")
