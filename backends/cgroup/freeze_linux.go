package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops all processes in a cgroup and below it, and returns when they are stopped. If ctx is
// done or freezePatience has passed before that, it thaws the cgroup again and returns an error.
func Freeze(ctx context.Context, path string) error {
	err := freeze(ctx, path)
	if err != nil && !gone(err) {
		_ = Thaw(path)
	}
	return err
}

// freezePatience is the same as in runc. A process in an uninterruptible wait cannot be frozen
// until the wait ends.
const freezePatience = 10 * time.Second

func freeze(ctx context.Context, path string) error {
	dir := filepath.Join(Mount, path)
	events, err := os.Open(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return fmt.Errorf("freeze cgroup %s: %w", path, err)
	}
	defer events.Close()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.freeze"), []byte("1"), 0); err != nil {
		return fmt.Errorf("freeze cgroup %s: %w", path, err)
	}
	for deadline := time.Now().Add(freezePatience); ; {
		is, err := frozen(events)
		if err != nil {
			return fmt.Errorf("freeze cgroup %s: %w", path, err)
		}
		if is {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("freeze cgroup %s: its processes still run after %v", path, freezePatience)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("freeze cgroup %s: %w", path, err)
		}
		// The kernel signals a change of the file with POLLPRI (cgroup-v2, "cgroup.events").
		fds := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, int(min(left, 100*time.Millisecond).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("freeze cgroup %s: %w", path, err)
		}
	}
}

// Thaw resumes the processes of a frozen cgroup. It ignores a missing cgroup.
func Thaw(path string) error {
	err := os.WriteFile(filepath.Join(Mount, path, "cgroup.freeze"), []byte("0"), 0)
	if err != nil && !gone(err) {
		return fmt.Errorf("thaw cgroup %s: %w", path, err)
	}
	return nil
}

// Frozen reports whether the processes of a cgroup are stopped, no matter by whom, or the cgroup
// has been told to stop them. It reads cgroup.freeze, too, because the kernel reports the cgroup as
// not frozen while another process enters it.
func Frozen(path string) (bool, error) {
	told, err := os.ReadFile(filepath.Join(Mount, path, "cgroup.freeze"))
	if err == nil && bytes.HasPrefix(told, []byte("1")) {
		return true, nil
	}
	events, err := os.Open(filepath.Join(Mount, path, "cgroup.events"))
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("state of cgroup %s: %w", path, err)
	}
	defer events.Close()
	is, err := frozen(events)
	if err != nil && !gone(err) {
		return false, fmt.Errorf("state of cgroup %s: %w", path, err)
	}
	return is, nil
}

func frozen(events *os.File) (bool, error) {
	data := make([]byte, 512)
	n, err := unix.Pread(int(events.Fd()), data, 0)
	if err != nil {
		return false, err
	}
	return bytes.Contains(data[:n], []byte("frozen 1")), nil
}
