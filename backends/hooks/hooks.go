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
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Run runs the hooks of one point in a container's life in their order, each
// with the state as JSON on its stdin, and stops at the first that fails. The
// error names it by its JSON path, such as hooks.poststop[0], with what it wrote
// to stderr.
func Run(ctx context.Context, point string, list []specs.Hook, state specs.State) error {
	return RunBy(ctx, startProcess, point, list, state)
}

// Starter starts a hook's program; stdio become its descriptors 0 to 2. It is called
// on Run's own thread.
type Starter func(path string, args, env []string, stdio [3]*os.File) (*os.Process, error)

func startProcess(path string, args, env []string, stdio [3]*os.File) (*os.Process, error) {
	return os.StartProcess(path, args, &os.ProcAttr{Env: env, Files: stdio[:]})
}

// RunBy is Run with a way of its own to start the programs.
func RunBy(ctx context.Context, start Starter, point string, list []specs.Hook, state specs.State) error {
	if len(list) == 0 {
		return nil
	}
	stdin, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i := range list {
		if err := run(ctx, start, &list[i], stdin); err != nil {
			return fmt.Errorf("hooks.%s[%d] (%s): %w", point, i, list[i].Path, err)
		}
	}
	return nil
}

// Inside are hooks that run in the container: those without an environment of
// their own have its process's, as under runc.
func Inside(list []specs.Hook, environment []string) []specs.Hook {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Env == nil {
			list[i].Env = environment
		}
	}
	return list
}

// maxStderr is as much of a hook's stderr as an error carries, in bytes.
const maxStderr = 4096

// leftOpen is how long a hook's own children may hold its output open, beyond its end.
const leftOpen = 100 * time.Millisecond

func run(ctx context.Context, start Starter, h *specs.Hook, stdin []byte) error {
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
		// runc's way: hooks without an environment of their own get its.
		env = os.Environ()
	}
	begin := time.Now()
	state, said, err := execute(ctx, stdin, func(stdio [3]*os.File) (*os.Process, error) { return start(h.Path, args, env, stdio) })
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
