package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops all processes in the cgroup and below it, and returns when they are stopped. If ctx
// is done or freezePatience has passed before that, it thaws the cgroup again and returns an error.
func (g *Group) Freeze(ctx context.Context) error {
	err := g.freeze(ctx)
	if err != nil && !gone(err) {
		_ = g.Thaw()
	}
	if err != nil {
		return fmt.Errorf("freeze cgroup %s: %w", g.path, err)
	}
	return nil
}

// freezePatience is the same as in runc. A process in an uninterruptible wait cannot be frozen
// until the wait ends.
const freezePatience = 10 * time.Second

func (g *Group) freeze(ctx context.Context) error {
	events, err := g.open(eventsFile, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer events.Close()
	if err := g.Write(freezeFile, "1"); err != nil {
		return err
	}
	for deadline := time.Now().Add(freezePatience); ; {
		is, err := frozen(events)
		if err != nil {
			return err
		}
		if is {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("its processes still run after %v", freezePatience)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// The kernel signals a change of the file with POLLPRI (cgroup-v2, "cgroup.events").
		fds := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, int(min(left, 100*time.Millisecond).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// The core's files that freeze a cgroup and tell its state (cgroup-v2, "Core Interface Files").
const (
	freezeFile = "cgroup.freeze"
	eventsFile = "cgroup.events"
)

// Thaw resumes the processes of a frozen cgroup. If the cgroup is removed, there is none.
func (g *Group) Thaw() error {
	if err := g.Write(freezeFile, "0"); err != nil && !g.gone(err) {
		return fmt.Errorf("thaw cgroup %s: %w", g.path, err)
	}
	return nil
}

// Frozen reports whether the processes of the cgroup are stopped, no matter by whom, or the cgroup
// has been told to stop them. It reads cgroup.freeze, too, because the kernel reports the cgroup as
// not frozen while another process enters it.
func (g *Group) Frozen() (bool, error) {
	told, err := g.read(freezeFile)
	if err == nil && bytes.HasPrefix(told, []byte("1")) {
		return true, nil
	}
	events, err := g.open(eventsFile, unix.O_RDONLY)
	if err == nil {
		defer events.Close()
		var is bool
		if is, err = frozen(events); err == nil {
			return is, nil
		}
	}
	if g.gone(err) {
		return false, nil
	}
	return false, fmt.Errorf("read the state of cgroup %s: %w", g.path, err)
}

func frozen(events *os.File) (bool, error) {
	data := make([]byte, 512)
	n, err := unix.Pread(int(events.Fd()), data, 0)
	if err != nil {
		return false, err
	}
	return bytes.Contains(data[:n], []byte("frozen 1")), nil
}
