package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// WatchOOM calls f for each process in the cgroup or below it that the kernel's OOM killer kills
// from now on. It returns when the cgroup has no process left or is removed, or when ctx is done.
func (g *Group) WatchOOM(ctx context.Context, f func()) error { return g.watchOOM(ctx, false, f) }

// WatchAllOOM is WatchOOM for all kills since the cgroup was made.
func (g *Group) WatchAllOOM(ctx context.Context, f func()) error { return g.watchOOM(ctx, true, f) }

func (g *Group) watchOOM(ctx context.Context, all bool, f func()) error {
	if err := g.countOOM(ctx, all, f); err != nil {
		return fmt.Errorf("watch cgroup %s: %w", g.path, err)
	}
	return nil
}

func (g *Group) countOOM(ctx context.Context, all bool, f func()) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	// The file is non-blocking, so that the Go runtime polls it and Close ends a Read.
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	// Without the memory controller there are no memory.events and no OOM kills.
	for _, file := range []string{eventsFile, memoryEvents} {
		_, err := unix.InotifyAddWatch(fd, g.at(file), unix.IN_MODIFY)
		if err != nil && (file == eventsFile || !errors.Is(err, unix.ENOENT)) {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	// From here on only events uses the descriptor, whose number another file gets after Close.
	stop := context.AfterFunc(ctx, func() { events.Close() })
	defer stop()
	known, err := g.eventCount(memoryEvents, "oom_kill")
	if err != nil {
		return err
	}
	if all {
		known = 0
	}
	buffer := make([]byte, 4096)
	for {
		// Read the count after the watches exist, so that no kill is missed.
		now, err := g.eventCount(memoryEvents, "oom_kill")
		if err != nil {
			return err
		}
		for ; known < now; known++ {
			f()
		}
		populated, err := g.eventCount(eventsFile, "populated")
		if err != nil {
			return err
		}
		if populated == 0 || ctx.Err() != nil {
			return nil
		}
		if _, err := events.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// memoryEvents is the memory controller's file of events.
const memoryEvents = "memory.events"

// OOMKills returns how many processes in the cgroup and below it the kernel's OOM killer has
// killed. It returns 0 if the kernel does not count them.
func (g *Group) OOMKills() uint64 {
	n, err := g.eventCount(memoryEvents, "oom_kill")
	if err != nil {
		return 0
	}
	return n
}

// eventCount reads a value from a "key value" file. A missing file or key counts as 0.
func (g *Group) eventCount(file, key string) (uint64, error) {
	data, err := g.read(file)
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
