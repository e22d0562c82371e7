package pct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// guard holds pct's lock on a CT's configuration while berth starts a pct that changes the CT. So
// no other pct can change the CT between berth's check and its own pct. guard releases the lock
// when its own pct is the only process that waits for it and a second check finds the CT unchanged.
type guard struct {
	file *os.File
	// still checks again whether the CT may be changed.
	still func() error

	mu  sync.Mutex
	err error
}

// locksDir is the directory of pve-container's locks (PVE::LXC::Config).
const locksDir = "/run/lock/lxc"

// lockPatience is how long to wait for the lock. pct itself waits as long.
const lockPatience = 10 * time.Second

// errQueue is returned if others wait for the lock, too, because one of them could get it first.
var errQueue = fmt.Errorf("%w: others wait for it", ErrBusy)

// guard takes the lock for a call of pct with args and checks whether the CT may be changed. It
// fails with ErrBusy if it does not get the lock in lockPatience.
func (c Cluster) guard(ctx context.Context, vmid int, args []string, still func() error) (*guard, error) {
	dir := c.Locks
	if dir == "" {
		dir = locksDir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for Proxmox VE's locks: %w", err)
	}
	path := filepath.Join(dir, "pve-config-"+strconv.Itoa(vmid)+".lock")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open Proxmox VE's lock of CT %d: %w", vmid, err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Now().After(deadline) || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, newError(args, "", fmt.Sprintf("can't lock file '%s' - got timeout", path), err)
		}
	}
	g := &guard{file: f, still: still}
	if err := still(); err != nil {
		f.Close()
		return nil, err
	}
	return g, nil
}

// watch releases the lock when pct, the process pid, waits for it or has ended. A pct that must not
// go on is killed while it waits, when it has not done anything yet.
func (g *guard) watch(pid int, ended <-chan struct{}) {
	defer g.file.Close()
	ticks := time.NewTicker(3 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticks.C:
		}
		own, others, err := g.waiters(pid)
		if err != nil {
			return // the waiters are unknown
		}
		if own == 0 {
			continue
		}
		err = g.still()
		if err == nil && others {
			err = errQueue
		}
		if err != nil {
			g.mu.Lock()
			g.err = err
			g.mu.Unlock()
			endWaiter(own, pid)
			<-ended
		}
		return
	}
}

// failed returns why pct was not allowed to go on; nil if it was.
func (g *guard) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// waiters returns the processes that wait for the lock (proc_locks(5)): own is the one that is pid
// or a descendant of it, others reports whether there are more. It fails if the lock itself is not
// listed.
func (g *guard) waiters(pid int) (own int, others bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(g.file.Fd()), &st); err != nil {
		return 0, false, err
	}
	where := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, false, err
	}
	listed := false
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		waits := len(fields) > 6 && fields[1] == "->"
		if waits {
			fields = fields[1:]
		}
		if len(fields) < 6 || fields[5] != where {
			continue
		}
		if !waits {
			listed = true
			continue
		}
		waiter, err := strconv.Atoi(fields[4])
		if err == nil && descends(waiter, pid) {
			own = waiter
		} else {
			others = true
		}
	}
	if !listed {
		return 0, false, errors.New("/proc/locks does not show the lock")
	}
	return own, others, nil
}

// descends reports whether pid is from or one of its descendants.
func descends(pid, from int) bool {
	for range 16 {
		if pid == from {
			return true
		}
		parent, err := backends.Parent(pid)
		if err != nil || parent <= 1 {
			return false
		}
		pid = parent
	}
	return false
}

// endWaiter kills a process that waits for the lock. The pidfd keeps it from killing another
// process that has got the pid since.
func endWaiter(waiter, from int) {
	fd, err := unix.PidfdOpen(waiter, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if descends(waiter, from) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}
