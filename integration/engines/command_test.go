//go:build linux

package engines

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// command is a call of a program that a test waits for.
type command struct {
	argv   []string
	stdin  io.Reader
	stdout io.Writer // buffered in the result if nil
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	status         int
}

// run runs a command, and returns its stdout and stderr separately. A command that takes longer
// than -patience fails the test.
func (c command) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, &stdout, &stderr
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	// After the timeout podman's children are killed, too. A pipe that a stray process holds open
	// must not make the test wait.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String(), status: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s: not over after %v\nstdout: %s\nstderr: %s", c, *patience, r.stdout, r.stderr)
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s: %v\nstderr: %s", c, err, r.stderr)
	}
	return r
}

// must runs a command that must succeed, and returns its stdout without the space around it.
func (c command) must(t *testing.T) string {
	t.Helper()
	r := c.run(t)
	if r.status != 0 {
		t.Fatalf("%s: exit status %d\nstdout: %s\nstderr: %s", c, r.status, r.stdout, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

func (c command) String() string { return strings.Join(c.argv, " ") }

// eventually waits until ok returns true. It fails the test after -patience.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	suite.Within(t, *patience, what, ok)
}
