package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// WatchOOM calls f for each process in the cgroup or below it that the kernel's OOM killer kills
// from now on. It returns when the cgroup has no process left or is removed, or when ctx is done.
func WatchOOM(ctx context.Context, path string, f func()) error { return watchOOM(ctx, path, false, f) }

// WatchAllOOM is WatchOOM for all kills since the cgroup was made.
func WatchAllOOM(ctx context.Context, path string, f func()) error {
	return watchOOM(ctx, path, true, f)
}

func watchOOM(ctx context.Context, path string, all bool, f func()) error {
	dir := filepath.Join(Mount, path)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch cgroup %s: inotify_init1: %w", path, err)
	}
	// The file is non-blocking, so that the Go runtime polls it and Close ends a Read.
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	stop := context.AfterFunc(ctx, func() { events.Close() })
	defer stop()
	// Without the memory controller there are no memory.events and no OOM kills.
	for _, file := range []string{"cgroup.events", "memory.events"} {
		_, err := unix.InotifyAddWatch(fd, filepath.Join(dir, file), unix.IN_MODIFY)
		if err != nil && (file == "cgroup.events" || !errors.Is(err, unix.ENOENT)) {
			return fmt.Errorf("watch cgroup %s: %s: %w", path, file, err)
		}
	}
	known, err := eventCount(dir, "memory.events", "oom_kill")
	if err != nil {
		return fmt.Errorf("watch cgroup %s: %w", path, err)
	}
	if all {
		known = 0
	}
	buffer := make([]byte, 4096)
	for {
		// Read the count after the watches exist, so that no kill is missed.
		now, err := eventCount(dir, "memory.events", "oom_kill")
		if err != nil {
			return fmt.Errorf("watch cgroup %s: %w", path, err)
		}
		for ; known < now; known++ {
			f()
		}
		populated, err := eventCount(dir, "cgroup.events", "populated")
		if err != nil {
			return fmt.Errorf("watch cgroup %s: %w", path, err)
		}
		if populated == 0 || ctx.Err() != nil {
			return nil
		}
		if _, err := events.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("watch cgroup %s: %w", path, err)
		}
	}
}

// OOMKills returns how many processes in the cgroup and below it the kernel's OOM killer has
// killed. It returns 0 if the kernel does not count them.
func OOMKills(path string) uint64 {
	n, err := eventCount(filepath.Join(Mount, path), "memory.events", "oom_kill")
	if err != nil {
		return 0
	}
	return n
}

// eventCount reads a value from a "key value" file. A missing file or key counts as 0.
func eventCount(dir, file, key string) (uint64, error) {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, nil
}
