package suite

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Patience is longer than anything takes that a test waits for, even on a busy host.
const Patience = time.Minute

// Outcome is what a command wrote and how it ended.
type Outcome struct {
	Stdout, Stderr string
	// Status is the exit status, or 128 plus the number of the signal that ended the command.
	Status int
}

// Run runs a command and waits for its end. A stream that cmd does not set goes to a file and not
// to a pipe, because a container that the command leaves behind may keep it open. An exit status is
// no error.
func Run(cmd *exec.Cmd) (o Outcome, err error) {
	stdout, err1 := output(&cmd.Stdout)
	stderr, err2 := output(&cmd.Stderr)
	defer stdout.Close()
	defer stderr.Close()
	if err := errors.Join(err1, err2); err != nil {
		return o, err
	}
	if err := Start(cmd); err != nil {
		return o, err
	}
	var exit *exec.ExitError
	if err := Join(cmd); err != nil && !errors.As(err, &exit) {
		return o, err
	}
	o.Status = cmd.ProcessState.ExitCode()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		o.Status = 128 + int(ws.Signal())
	}
	o.Stdout, err1 = content(stdout)
	o.Stderr, err2 = content(stderr)
	return o, errors.Join(err1, err2)
}

// output makes a file without a name and uses it for a stream that is not set.
func output(stream *io.Writer) (*os.File, error) {
	f, err := os.CreateTemp(dir, "out")
	if err != nil {
		return nil, err
	}
	if *stream == nil {
		*stream = f
	}
	return f, os.Remove(f.Name())
}

func content(f *os.File) (string, error) {
	// The position is the commands', which may still write.
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	return string(data), err
}

// Background starts [Run]. The error of a command that cannot be run is in Stderr.
func Background(cmd *exec.Cmd) chan Outcome {
	done := make(chan Outcome, 1)
	go func() {
		o, err := Run(cmd)
		if err != nil {
			o.Stderr += err.Error()
		}
		done <- o
	}()
	return done
}

// Execute is [Run] for a command that can be started. Otherwise the test fails.
func Execute(t *testing.T, cmd *exec.Cmd) Outcome {
	t.Helper()
	o, err := Run(cmd)
	if err != nil {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return o
}

// Output runs a program that must succeed and returns its stdout.
func Output(t *testing.T, name string, args ...string) string {
	t.Helper()
	o := Execute(t, exec.Command(name, args...))
	if o.Status != 0 {
		t.Fatalf("%s %q: status %d: %s", name, args, o.Status, o.Stderr)
	}
	return o.Stdout
}

// Eventually waits until ok returns true. It fails the test after [Patience].
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	Within(t, Patience, what, ok)
}

// Within is [Eventually] with another limit.
func Within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	if !Becomes(limit, ok) {
		t.Fatalf("%s: not so after %v", what, limit)
	}
}

// Becomes waits until ok returns true. It returns false if that does not happen within limit. It
// asks less often as time goes by.
func Becomes(limit time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; !ok(); pause = min(2*pause, 200*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
