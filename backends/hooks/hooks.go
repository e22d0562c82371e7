// Package hooks runs the hooks of config.json (config.md#posix-platform-hooks).
package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	if len(list) == 0 {
		return nil
	}
	stdin, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i := range list {
		if err := run(ctx, &list[i], stdin); err != nil {
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

func run(ctx context.Context, h *specs.Hook, stdin []byte) error {
	if h.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*h.Timeout)*time.Second)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, h.Path)
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Env = h.Env
	if cmd.Env == nil {
		// runc's way: hooks without an environment of their own get its.
		cmd.Env = os.Environ()
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stderr, &stderr
	// A hook's own children may hold its output open for as long as they live.
	cmd.WaitDelay = 100 * time.Millisecond
	begin := time.Now()
	err := cmd.Run()
	// Its arguments are config.json's, and can be secrets.
	backends.Called([]string{h.Path}, begin, cmd.ProcessState.ExitCode())
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if err == nil {
		return nil
	}
	if h.Timeout != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done after its timeout of %d s", *h.Timeout)
	}
	said := strings.TrimSpace(string(stderr.Bytes()[max(0, stderr.Len()-maxStderr):]))
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: it said: %s", err, said)
}
