//go:build linux

package task

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// IsWorker returns true if this process is a worker. It clears the mark, so that children do not
// inherit it.
func IsWorker() bool {
	_, marked := os.LookupEnv(variable)
	_ = os.Unsetenv(variable)
	return marked
}

// Work runs the worker half and reports the result. The context is cancelled when the worker is
// asked to end.
func Work(h *host.Host, do func(context.Context) error) int {
	unix.CloseOnExec(controlDescriptor)
	control := os.NewFile(controlDescriptor, "control")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	defer stop()
	if !h.Settings.WorkerDiesOfSigpipe {
		// Catch the signal instead of ignoring it: lxc-start and its children would inherit an
		// ignored signal.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	err := do(ctx)
	if err == nil {
		fmt.Fprint(control, "TASK OK\n")
		return 0
	}
	fmt.Fprintf(control, "TASK ERROR: %s\n", failure.Line(err))
	return failure.StatusDied
}

// Interrupted returns an error if the worker was asked to end, else nil.
func Interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return failure.New("received interrupt")
	}
	return nil
}
