package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/spec"
)

// live returns the data of a running container. The error is os.ErrProcessDone if it has no jail or
// its process has ended.
func live(c *backends.Container) (*Data, error) {
	d, err := data(c)
	if err == nil && (d.JID == 0 || !c.Process.Alive()) {
		err = os.ErrProcessDone
	}
	return d, err
}

// Pids returns the processes in the jail. They can outlive the container's first process.
func (b *Backend) Pids(c *backends.Container) ([]int, error) {
	d, err := data(c)
	if err == nil && d.JID == 0 {
		err = os.ErrProcessDone
	}
	if err != nil {
		return nil, err
	}
	return b.tools.Pids(context.Background(), d.JID)
}

// ErrNoFreezer is the reason why a jail cannot be paused.
var ErrNoFreezer = errors.New("a jail cannot be paused: FreeBSD has no freezer, and SIGSTOP would be visible to the parents of processes, and any process inside could undo it")

// Pause always fails with ErrNoFreezer.
func (b *Backend) Pause(context.Context, *backends.Container) error { return ErrNoFreezer }

// Resume always fails with ErrNoFreezer.
func (b *Backend) Resume(context.Context, *backends.Container) error { return ErrNoFreezer }

// addLimit sets one limit.
func (b *Backend) addLimit(ctx context.Context, jail string, l limit) error {
	if _, err := b.tools.Run(ctx, l.command(jail)); err != nil {
		return spec.Fieldf("linux.resources", "limit %s to %d: %w%s", l.Resource, l.Amount, err, racctHint(err))
	}
	return nil
}

// racctHint returns advice if err shows that the kernel's resource accounting is disabled, else "".
func racctHint(err error) string {
	if strings.Contains(err.Error(), "kern.racct.enable") {
		return " (set it to 1 in /boot/loader.conf, then reboot)"
	}
	return ""
}

// removeLimits removes all limits of a jail, if it has any.
func (b *Backend) removeLimits(ctx context.Context, jail string) error {
	out, err := b.tools.Run(ctx, tools.ShowLimits(jail))
	if err != nil && strings.Contains(err.Error(), "RACCT/RCTL") || err == nil && strings.TrimSpace(out) == "" {
		return nil
	}
	if err == nil {
		_, err = b.tools.Run(ctx, tools.RemoveLimit(jail, ""))
	}
	return err
}

// Update changes the limits that r names. If a change fails, the earlier changes are reverted.
func (b *Backend) Update(ctx context.Context, c *backends.Container, r *specs.LinuxResources) error {
	d, err := live(c)
	if err != nil {
		return err
	}
	b = b.locked(c)
	changes, problems := changesOf(r)
	if err := problems.Err(); err != nil {
		return err
	}
	k, err := loadSavedConfig(c)
	if err != nil {
		return err
	}
	if len(changes) > 0 && !k.Updated {
		// Updated makes Delete look for limits.
		k.Updated = true
		if err := saveConfig(c, k); err != nil {
			return err
		}
	}
	now := slices.Clone(k.Limits)
	for i, ch := range changes {
		if err := b.change(ctx, d, now, ch); err != nil {
			return errors.Join(err, b.putBack(context.WithoutCancel(ctx), d, k.Limits, changes[:i+1]))
		}
		now = slices.DeleteFunc(now, func(l limit) bool { return l.Resource == ch.Resource })
		if ch.Amount > 0 {
			now = append(now, ch)
		}
	}
	k.Limits = now
	return saveConfig(c, k)
}

// change replaces a limit. An amount of 0 removes it.
func (b *Backend) change(ctx context.Context, d *Data, now []limit, to limit) error {
	if slices.ContainsFunc(now, func(l limit) bool { return l.Resource == to.Resource }) {
		if _, err := b.tools.Run(ctx, tools.RemoveLimit(d.Jail, to.Resource)); err != nil {
			return err
		}
	}
	if to.Amount == 0 {
		return nil
	}
	return b.addLimit(ctx, d.Jail, to)
}

func (b *Backend) putBack(ctx context.Context, d *Data, before, changed []limit) error {
	var errs []error
	for _, ch := range changed {
		// The rule may or may not exist, depending on where the change failed.
		_, _ = b.tools.Run(ctx, tools.RemoveLimit(d.Jail, ch.Resource))
		for _, l := range before {
			if l.Resource == ch.Resource {
				errs = append(errs, b.addLimit(ctx, d.Jail, l))
			}
		}
	}
	return errors.Join(errs...)
}

// Stats returns the jail's resource usage from rctl(8), where cputime is in seconds.
func (b *Backend) Stats(c *backends.Container) (*backends.Stats, error) {
	d, err := live(c)
	if err != nil {
		return nil, err
	}
	u, err := b.tools.Usage(context.Background(), d.Jail)
	if err != nil {
		return nil, fmt.Errorf("read the statistics: %w%s", err, racctHint(err))
	}
	k, err := loadSavedConfig(c)
	if err != nil {
		return nil, err
	}
	s := &backends.Stats{}
	s.CPU.Usage.Total = u["cputime"] * uint64(time.Second)
	s.Memory.Usage.Usage = u["memoryuse"]
	s.Memory.Swap.Usage = u["memoryuse"] + u["swapuse"]
	s.Memory.Raw = map[string]uint64{}
	for _, name := range []string{"datasize", "stacksize", "memoryuse", "memorylocked", "vmemoryuse", "swapuse", "shmsize"} {
		if n, ok := u[name]; ok {
			s.Memory.Raw[name] = n
		}
	}
	s.Pids.Current = u["maxproc"]
	for _, l := range k.Limits {
		switch l.Resource {
		case "memoryuse":
			s.Memory.Usage.Limit = l.Amount
		case "maxproc":
			s.Pids.Limit = l.Amount
		}
	}
	return s, nil
}

// WatchOOM waits for the container to end. It never reports an OOM kill, because FreeBSD does not
// tell which processes it killed for lack of memory.
func (b *Backend) WatchOOM(ctx context.Context, c *backends.Container, _ func()) error {
	for c.Process.Alive() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
