package create

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
)

// Create waits for processes that others can stop. A process in a shared pid namespace can stop
// what berth forks into it. A process in the host's pid namespace can stop all of create's
// processes.
const (
	// unwatched is the time until the first check. A create is usually done by then.
	unwatched = 2 * time.Second
	// look is the time between two checks.
	look = time.Second
	// stopLimit is how long a process may stay stopped.
	stopLimit = 10 * time.Second
)

// stoppedError is the error of a create that has waited too long for a stopped process.
type stoppedError struct {
	process backends.Process
	name    string
}

func (e *stoppedError) Error() string {
	return fmt.Sprintf("process %d (%s), for which create waits, has been stopped for %v by a signal such as SIGSTOP, a tracer or its cgroup's freezer: "+
		"a process of another container in the same pid namespace or cgroup may have stopped it: end that container first", e.process.Pid, e.name, stopLimit)
}

// watch makes create end if a process that it waits for is stopped for too long, or if ctx is done.
// It kills the processes that create waits for, so that each wait ends. stop ends the watch and
// returns why it has intervened, or nil if it has not.
func (cr *creation) watch(ctx context.Context) (watched context.Context, stop func() error) {
	watched, cancel := context.WithCancelCause(ctx)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		cr.look(watched, cancel, over)
	}()
	return watched, func() error {
		close(over)
		<-done
		defer cancel(nil)
		return context.Cause(watched)
	}
}

func (cr *creation) look(ctx context.Context, cancel context.CancelCauseFunc, over <-chan struct{}) {
	since := map[backends.Process]time.Time{}
	for pause := unwatched; ; pause = look {
		select {
		case <-over:
			return
		case <-ctx.Done():
			for _, p := range append(cr.stopped(), cr.initProcess()...) {
				_ = p.Signal(unix.SIGKILL)
			}
			return
		case <-time.After(pause):
		}
		now, before := time.Now(), since
		since = map[backends.Process]time.Time{}
		for _, p := range cr.stopped() {
			since[p] = now
			if t, was := before[p]; was {
				since[p] = t
			}
			if now.Sub(since[p]) >= stopLimit {
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.Pid))
				cancel(&stoppedError{p, strings.TrimSpace(string(name))})
			}
		}
	}
}

// initProcess returns the init process, once it exists.
func (cr *creation) initProcess() []backends.Process {
	if p := cr.first.Load(); p != nil {
		return []backends.Process{*p}
	}
	return nil
}

// stopped returns the children of create and of the init process that are stopped, and the init
// process if its cgroup is frozen.
func (cr *creation) stopped() (list []backends.Process) {
	parents := []int{os.Getpid()}
	for _, p := range cr.initProcess() {
		parents = append(parents, p.Pid)
		if group := cr.group.Load(); group != nil {
			if frozen, err := group.Frozen(); err == nil && frozen {
				list = append(list, p)
			}
		}
	}
	for _, pid := range children(parents) {
		if p, ok := backends.Stopped(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

// children returns the children of some processes (proc_pid_task_tid_children(5)). If a process
// ends meanwhile, some may be missing.
func children(parents []int) (pids []int) {
	for _, parent := range parents {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
		if len(files) == 0 {
			return childrenOf(parents)
		}
		for _, file := range files {
			data, _ := os.ReadFile(file)
			for field := range strings.FieldsSeq(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// childrenOf is children for a kernel without that file.
func childrenOf(parents []int) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if parent, err := backends.Parent(pid); err == nil && slices.Contains(parents, parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}
