package runtime

import (
	"context"
	"errors"
	"os"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Kill sends sig to a container's first process, or with all to every process in the container. It
// returns ErrNotRunning for a container in state creating. It does so for a stopped container too,
// unless all is set or sig is SIGKILL, which also reach processes that outlived the first one.
func (r *Runtime) Kill(ctx context.Context, c *backends.Container, sig syscall.Signal, all bool) error {
	b, err := r.recall(c)
	if err != nil {
		return err
	}
	status, err := r.status(c, b)
	if err != nil {
		return err
	}
	// SIGKILL also reaches processes that outlived the container's first process. A container in
	// state creating has no process yet (runtime.md#kill).
	if b == nil || status == specs.StateCreating || (status == specs.StateStopped && !all && sig != syscall.SIGKILL) {
		return ErrNotRunning
	}
	err = b.Kill(ctx, c, sig, all)
	if errors.Is(err, os.ErrProcessDone) {
		return ErrNotRunning
	}
	return err
}
