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

// IsWorker says whether this process is a worker; it forgets the mark, which is not for its children.
func IsWorker() bool {
	_, marked := os.LookupEnv(variable)
	_ = os.Unsetenv(variable)
	return marked
}

// Work runs a worker's part and reports how it ended. The context ends when the worker is asked to end.
func Work(h *host.Host, do func(context.Context) error) int {
	unix.CloseOnExec(controlDescriptor)
	control := os.NewFile(controlDescriptor, "control")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	defer stop()
	if !h.Settings.WorkerDiesOfSigpipe {
		// Notified, not ignored: an ignored signal would stay ignored in lxc-start and all below it.
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

// Interrupted is the error of a worker that was asked to end, nil otherwise.
func Interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return failure.New("received interrupt")
	}
	return nil
}
