package pct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

// Client calls the pct command (pct(1)). Each call starts Perl and takes half a
// second and more.
type Client struct {
	// Path of the program; found on PATH if empty.
	Path string
	// Timeout bounds each call.
	Timeout time.Duration
	// QuorumWait is how long a call that fails for want of quorum is tried
	// again; 0 is not at all.
	QuorumWait time.Duration
	// Lock, if not nil, is a file that a call keeps open. A lock on it is then
	// held until pct has ended, whatever becomes of berth.
	Lock *os.File
	// guard, if not nil, is taken for each call, which waits for it.
	guard func(ctx context.Context, args []string) (*guard, error)
}

const defaultTimeout = 2 * time.Minute

// patience is how long a call that finds the configuration held by another one is
// tried again. pct itself waits 10 s each time.
const patience = time.Minute

// run calls pct and returns what it wrote to stdout. An error is a *Error.
func (c *Client) run(ctx context.Context, args []string) (string, error) {
	var failed time.Time // For the first time.
	for {
		out, err := c.once(ctx, args)
		if err == nil || !worthRetrying(ctx, err, c.QuorumWait > 0) {
			return out, err
		}
		if failed.IsZero() {
			failed = time.Now()
		}
		limit := patience
		if errors.Is(err, ErrNoQuorum) {
			limit = c.QuorumWait
		}
		if time.Since(failed) > limit {
			return out, err
		}
		logrus.WithError(err).Debug("pct is called again")
		time.Sleep(min(time.Second, limit))
	}
}

func (c *Client) once(ctx context.Context, args []string) (string, error) {
	path, err := find(c.Path)
	if err != nil {
		return "", newError(args, "", "", err)
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(bounded, path, args...)
	// pct takes its rights from being root, and prints English in C.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/root", "USER=root", "LOGNAME=root"}
	cmd.Dir = "/"
	// Ctrl-C is for the container, not for pct half way through.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.Lock != nil {
		cmd.ExtraFiles = []*os.File{c.Lock}
	}
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err, refused := c.call(ctx, cmd)
	if refused != nil {
		return "", refused
	}
	if err != nil && cmd.Process == nil {
		return "", newError(args, "", "", backends.CannotStart(path, err))
	}
	backends.Called(append([]string{"pct"}, args...), begin, cmd.ProcessState.ExitCode())
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return stdout.String(), nil
	}
	if ctx.Err() == nil && bounded.Err() != nil {
		// What it has said by then is of no use.
		return stdout.String(), newError(args, "", "", fmt.Errorf("no end after %v", timeout))
	}
	return stdout.String(), newError(args, stdout.String(), stderr.String(), err)
}

// call runs a command under the guard. It is refused if the guard does not let it.
func (c *Client) call(ctx context.Context, cmd *exec.Cmd) (err, refused error) {
	if c.guard == nil {
		return cmd.Run(), nil
	}
	g, err := c.guard(ctx, cmd.Args[1:])
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		g.file.Close()
		return err, nil
	}
	ended, let := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(let)
		g.watch(cmd.Process.Pid, ended)
	}()
	err = cmd.Wait()
	close(ended)
	<-let
	return err, g.failed()
}

// Create makes a container. Of concurrent calls for one VMID one succeeds, the
// others get ErrExists.
func (c *Client) Create(ctx context.Context, o *CreateOptions) error {
	// Half way it would leave a CT that bears no description yet. It waits for nothing
	// of a container's.
	_, err := c.run(context.WithoutCancel(ctx), o.args())
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// Set changes the configuration of a container, and with it the limits of a
// running one.
func (c *Client) Set(ctx context.Context, o *SetOptions) error {
	_, err := c.run(ctx, o.args())
	return err
}

// Start starts a container and returns when it runs.
func (c *Client) Start(ctx context.Context, vmid int) error {
	_, err := c.run(ctx, startArgs(vmid))
	return err
}

// Destroy removes a container, with force a running one. Its rootfs stays, being
// a directory of the host.
func (c *Client) Destroy(ctx context.Context, vmid int, force bool) error {
	args := []string{"destroy", vmidArg(vmid)}
	if force {
		args = append(args, "--force", "1")
	}
	_, err := c.run(ctx, args)
	return err
}

// Unlock takes the lock property off a container.
func (c *Client) Unlock(ctx context.Context, vmid int) error {
	_, err := c.run(ctx, []string{"unlock", vmidArg(vmid)})
	return err
}
