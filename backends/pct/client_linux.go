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

// Client calls the pct command (pct(1)). Each call starts Perl and takes at least half a second.
type Client struct {
	// Path is the path of pct. If it is empty, pct is looked up in PATH.
	Path string
	// Timeout limits each call. If it is 0, the limit is defaultTimeout.
	Timeout time.Duration
	// QuorumWait is how long to retry a call that fails for lack of quorum; 0 means not at all.
	QuorumWait time.Duration
	// Lock, if not nil, is a file that pct inherits. A lock on it is then held until pct has ended,
	// even if berth ends earlier.
	Lock *os.File
	// guard, if not nil, is called before each call of pct. The guard that it returns decides
	// whether pct may go on.
	guard func(ctx context.Context, args []string) (*guard, error)
}

const defaultTimeout = 2 * time.Minute

// patience is how long to retry a call that finds the configuration locked by another one. pct
// itself waits 10 s each time.
const patience = time.Minute

// run calls pct and returns its stdout. It retries as worthRetrying says. An error of pct is an
// *Error; an error of the guard is returned as it is.
func (c *Client) run(ctx context.Context, args []string) (string, error) {
	var failed time.Time // the first time
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
	// pct derives its permissions from being root, and prints English with the locale C.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/root", "USER=root", "LOGNAME=root"}
	cmd.Dir = "/"
	// Ctrl-C is meant for the container. It must not interrupt pct half way.
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
		// The output so far does not tell why pct hangs.
		return stdout.String(), newError(args, "", "", fmt.Errorf("no end after %v", timeout))
	}
	return stdout.String(), newError(args, stdout.String(), stderr.String(), err)
}

// call runs cmd under the guard. refused is set if the guard did not allow it.
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

// Create creates a CT. Of concurrent calls for one VMID one succeeds, and the others fail with
// ErrExists. If pct refuses what a field of config.json says, the error wraps a spec.FieldError.
func (c *Client) Create(ctx context.Context, o *CreateOptions) error {
	// An interrupted pct create would leave a CT without a description. pct create waits for
	// nothing in the container, so it ends soon anyway.
	_, err := c.run(context.WithoutCancel(ctx), o.args())
	if err == nil {
		return ctx.Err()
	}
	return o.blame(err)
}

// Set changes a CT's configuration, and the limits of the CT if it is running.
func (c *Client) Set(ctx context.Context, o *SetOptions) error {
	_, err := c.run(ctx, o.args())
	return err
}

// Start starts a CT and returns when it is running.
func (c *Client) Start(ctx context.Context, vmid int) error {
	_, err := c.run(ctx, startArgs(vmid))
	return err
}

// Destroy destroys a CT. With force it destroys a running one, too. The rootfs stays, because it is
// a directory of the host.
func (c *Client) Destroy(ctx context.Context, vmid int, force bool) error {
	args := []string{"destroy", vmidArg(vmid)}
	if force {
		args = append(args, "--force", "1")
	}
	_, err := c.run(ctx, args)
	return err
}

// Unlock removes the lock property from a CT's configuration.
func (c *Client) Unlock(ctx context.Context, vmid int) error {
	_, err := c.run(ctx, []string{"unlock", vmidArg(vmid)})
	return err
}
