package enclosing

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
	"github.com/berth-oci/berth/backends/cgroup"
)

// Create waits for processes that others can stop: what is born in a pid namespace with
// others there, and in the host's, for who is in that, all of create's.
const (
	// unwatched is how long a create usually takes.
	unwatched = 2 * time.Second
	// look is the time between two looks at who is stopped.
	look = time.Second
	// stopLimit is how long a process may be stopped.
	stopLimit = 10 * time.Second
)

// stoppedError is of a create that has waited too long for a process that is stopped.
type stoppedError struct {
	process backends.Process
	name    string
}

func (e *stoppedError) Error() string {
	return fmt.Sprintf("process %d (%s), which create waits for, has been stopped for %v, by a signal such as SIGSTOP, a tracer or the freezer of its cgroup: "+
		"a process of another container in the same pid namespace or cgroup may have done that; end that container first", e.process.Pid, e.name, stopLimit)
}

// watch has create end when what it waits for is stopped for too long, or when ctx is
// done: the processes that it waits for are killed, so that each wait comes to its end.
// stop ends the watch, and says why it has intervened, if it has.
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

// stageProcess is the init process, once there is one.
func (cr *creation) initProcess() []backends.Process {
	if p := cr.first.Load(); p != nil {
		return []backends.Process{*p}
	}
	return nil
}

// stopped are the children of create's and of the init process's that are stopped, and the
// init process if its cgroup is frozen.
func (cr *creation) stopped() (list []backends.Process) {
	parents := []int{os.Getpid()}
	for _, p := range cr.initProcess() {
		parents = append(parents, p.Pid)
		if path := cr.placed.Load(); path != nil {
			if frozen, err := cgroup.Frozen(*path); err == nil && frozen {
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

// children are those of some processes (proc_pid_task_tid_children(5)), and of processes
// that end meanwhile perhaps not all.
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

// childrenOf is children on a kernel without that file.
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
