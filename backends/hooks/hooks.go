// Package hooks runs the hooks of config.json (config.md#posix-platform-hooks).
package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// How describes how hooks are run.
type How struct {
	// Dir is the hooks' working directory; the caller's if empty.
	Dir string
	// Env is the environment of hooks that have none of their own; the caller's if nil.
	Env []string
	// Start starts a hook's program. By default it starts an ordinary child process.
	Start Starter
}

// Starter starts a hook's program with stdio as descriptors 0 to 2. It is called on the thread that
// called Run.
type Starter func(path string, args, env []string, stdio [3]*os.File) (*os.Process, error)

// OnHost is Run for the hooks of the runtime namespace. Their working directory is the bundle if it
// still exists, as in crun and runc run. Hooks without an environment of their own get the
// runtime's, as in runc.
func OnHost(ctx context.Context, point string, list []specs.Hook, state specs.State) error {
	var how How
	if info, err := os.Stat(state.Bundle); err == nil && info.IsDir() {
		how.Dir = state.Bundle
	}
	return Run(ctx, how, point, list, state)
}

// CreateRuntime runs the prestart and createRuntime hooks of s on the host.
func CreateRuntime(ctx context.Context, s *specs.Spec, state specs.State) error {
	if err := OnHost(ctx, "prestart", spec.Hooks(s, spec.Prestart), state); err != nil {
		return err
	}
	return OnHost(ctx, "createRuntime", spec.Hooks(s, spec.CreateRuntime), state)
}

// Run runs the hooks of one point in a container's life in order, each with the state as JSON on
// its stdin. It stops at the first hook that fails. The error has the hook's JSON path, such as
// hooks.poststop[0], and what the hook wrote to stdout and stderr.
func Run(ctx context.Context, how How, point string, list []specs.Hook, state specs.State) error {
	if len(list) == 0 {
		return nil
	}
	if how.Env == nil {
		how.Env = os.Environ()
	}
	if how.Start == nil {
		how.Start = func(path string, args, env []string, stdio [3]*os.File) (*os.Process, error) {
			return os.StartProcess(path, args, &os.ProcAttr{Dir: how.Dir, Env: env, Files: stdio[:]})
		}
	}
	stdin, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i := range list {
		if err := run(ctx, &how, &list[i], stdin); err != nil {
			return &spec.FieldError{Path: fmt.Sprintf("hooks.%s[%d]", point, i), Value: list[i].Path, Err: err}
		}
	}
	return nil
}

// maxStderr is the maximum length of a hook's output in an error, in bytes.
const maxStderr = 4096

// leftOpen is how long children of a hook may keep its output open after the hook has ended.
const leftOpen = 100 * time.Millisecond

func run(ctx context.Context, how *How, h *specs.Hook, stdin []byte) error {
	if h.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*h.Timeout)*time.Second)
		defer cancel()
	}
	args, env := h.Args, h.Env
	if len(args) == 0 {
		args = []string{h.Path}
	}
	if env == nil {
		env = how.Env
	}
	begin := time.Now()
	state, said, err := execute(ctx, stdin, func(stdio [3]*os.File) (*os.Process, error) { return how.Start(h.Path, args, env, stdio) })
	// Log no arguments: they come from config.json and may be secrets.
	backends.Called([]string{h.Path}, begin, state.ExitCode())
	if err == nil && !state.Success() {
		err = &exec.ExitError{ProcessState: state}
	}
	if err == nil {
		return nil
	}
	if h.Timeout != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("hook ran past its timeout of %d s", *h.Timeout)
	}
	if said = strings.TrimSpace(said); said == "" {
		return err
	}
	return fmt.Errorf("%w: output: %s", err, said)
}

// execute starts a process and waits for it; ctx can kill it. said is the end of what it wrote to
// stdout and stderr. state is nil if the process could not be started.
func execute(ctx context.Context, stdin []byte, start func([3]*os.File) (*os.Process, error)) (state *os.ProcessState, said string, err error) {
	in, input, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer input.Close()
	output, out, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, "", err
	}
	defer output.Close()
	p, err := start([3]*os.File{in, out, out})
	in.Close()
	out.Close()
	if err != nil {
		return nil, "", err
	}
	go func() {
		_, _ = input.Write(stdin) // the hook need not read it
		input.Close()
	}()
	read := make(chan string)
	go func() { read <- tail(output, maxStderr) }()
	defer context.AfterFunc(ctx, func() { _ = p.Kill() })()
	state, err = p.Wait()
	_ = output.SetReadDeadline(time.Now().Add(leftOpen))
	return state, <-read, err
}

// tail reads until EOF or an error and returns the last bytes, at most most.
func tail(r io.Reader, most int) string {
	var kept []byte
	data := make([]byte, most)
	for {
		n, err := r.Read(data)
		kept = append(kept, data[:n]...)
		kept = kept[max(0, len(kept)-most):]
		if err != nil {
			return string(kept)
		}
	}
}
