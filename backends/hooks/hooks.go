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

// How says in what surroundings hooks run.
type How struct {
	// Dir is their working directory; the caller's if empty.
	Dir string
	// Env is the environment of those that have none of their own; the caller's
	// if nil.
	Env []string
	// Start starts a program; by default as a child with nothing special.
	Start Starter
}

// Starter starts a hook's program; stdio become its descriptors 0 to 2. It is called
// on Run's own thread.
type Starter func(path string, args, env []string, stdio [3]*os.File) (*os.Process, error)

// OnHost is Run for the hooks of the runtime namespace. They run in the bundle, if
// it still exists, as under crun and runc's run, and without an environment of
// their own have the runtime's, as under runc.
func OnHost(ctx context.Context, point string, list []specs.Hook, state specs.State) error {
	var how How
	if info, err := os.Stat(state.Bundle); err == nil && info.IsDir() {
		how.Dir = state.Bundle
	}
	return Run(ctx, how, point, list, state)
}

// Run runs the hooks of one point in a container's life in their order, each
// with the state as JSON on its stdin, and stops at the first that fails. The
// error names it by its JSON path, such as hooks.poststop[0], with what it wrote
// to stderr.
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

// maxStderr is as much of a hook's stderr as an error carries, in bytes.
const maxStderr = 4096

// leftOpen is how long a hook's own children may hold its output open, beyond its end.
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
	// Its arguments are config.json's, and can be secrets.
	backends.Called([]string{h.Path}, begin, state.ExitCode())
	if err == nil && !state.Success() {
		err = &exec.ExitError{ProcessState: state}
	}
	if err == nil {
		return nil
	}
	if h.Timeout != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done after its timeout of %d s", *h.Timeout)
	}
	if said = strings.TrimSpace(said); said == "" {
		return err
	}
	return fmt.Errorf("%w: it said: %s", err, said)
}

// execute is a process's life, which ctx may end; said is what it wrote to stdout and
// stderr. State is nil where it could not be started.
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
		_, _ = input.Write(stdin) // it need not read
		input.Close()
	}()
	read := make(chan string)
	go func() { read <- tail(output, maxStderr) }()
	defer context.AfterFunc(ctx, func() { _ = p.Kill() })()
	state, err = p.Wait()
	_ = output.SetReadDeadline(time.Now().Add(leftOpen))
	return state, <-read, err
}

// tail reads to the end, and keeps the last bytes.
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
