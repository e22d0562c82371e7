package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// Status derives the state from the first process.
func (b *Backend) Status(c *backends.Container) (specs.ContainerState, error) {
	return link.Status(c)
}

// Start tells the init process to exec the user's program.
func (b *Backend) Start(_ context.Context, c *backends.Container) error {
	return link.Start(c.Dir, nil)
}

// Kill sends a signal to the container's process, or to all processes in the jail if all is true.
// With SIGKILL and all it repeats until only zombies are left or maxRounds is reached.
func (b *Backend) Kill(ctx context.Context, c *backends.Container, sig os.Signal, all bool) error {
	signal := sig.(syscall.Signal)
	if !all {
		return c.Process.Signal(signal)
	}
	d, err := data(c)
	if err != nil || d.JID == 0 {
		return err
	}
	// A process may have forked while the others were being signalled.
	for round := 0; ; round++ {
		pids, err := b.tools.Pids(ctx, d.JID)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("signal process %d: %w", pid, err)
			}
		}
		if signal != syscall.SIGKILL || len(pids) == 0 || allZombies(pids) || round == maxRounds {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// maxRounds limits how often Kill signals all processes.
const maxRounds = 50

func allZombies(pids []int) bool {
	for _, pid := range pids {
		if p, err := backends.FindProcess(pid); err == nil && p.Alive() {
			return false
		}
	}
	return true
}

// waitGone waits up to patience for a process to end. A zombie counts as ended.
func waitGone(ctx context.Context, p backends.Process) error {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; p.Alive(); pause = min(2*pause, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d still runs after %v", p.Pid, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}
