package suite

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reaper knows the children of this process: those of package exec, which it leaves alone, and the
// orphans that have ended.
var reaper = struct {
	sync.Mutex
	own   map[int]bool
	ended map[int]syscall.WaitStatus
}{own: map[int]bool{}, ended: map[int]syscall.WaitStatus{}}

// Subreaper makes orphans children of this process, as those of an engine's monitor are. A test
// waits for an orphan with [WaitFor].
func Subreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// ReapAlways reaps each orphan when it has ended, also those for which no test waits. All other
// children must then be started with [Start] or [Run].
func ReapAlways() {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go func() {
		// Signals are lost if many children end at once.
		for tick := time.NewTicker(200 * time.Millisecond); ; Reap() {
			select {
			case <-children:
			case <-tick.C:
			}
		}
	}()
}

// Reap reaps the orphans that have ended.
func Reap() {
	reaper.Lock()
	defer reaper.Unlock()
	for _, child := range children() {
		if !reaper.own[child] {
			reap(child)
		}
	}
}

// reap reaps a child if it has ended. The caller has locked the reaper.
func reap(child int) {
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(child, &status, unix.WNOHANG, nil); err == nil && pid == child {
		reaper.ended[pid] = status
	}
}

// children returns the pids of this process's children. It may miss one that starts or ends
// meanwhile (proc_tid_children(5)). The next call finds it.
func children() (pids []int) {
	threads, _ := filepath.Glob("/proc/self/task/[0-9]*/children")
	for _, name := range threads {
		list, _ := os.ReadFile(name)
		for field := range strings.FieldsSeq(string(list)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Adopt forgets the status of an earlier process with this pid.
func Adopt(pid int) {
	reaper.Lock()
	defer reaper.Unlock()
	delete(reaper.ended, pid)
}

// WaitFor waits for an orphan to end and returns its wait status.
func WaitFor(t *testing.T, pid int) syscall.WaitStatus {
	t.Helper()
	var status syscall.WaitStatus
	Eventually(t, "process "+strconv.Itoa(pid)+" has ended as our child", func() (ok bool) {
		reaper.Lock()
		defer reaper.Unlock()
		reap(pid)
		status, ok = reaper.ended[pid]
		delete(reaper.ended, pid)
		return ok
	})
	return status
}

// Start starts a command. Its caller waits for the end with [Join].
func Start(cmd *exec.Cmd) error {
	reaper.Lock()
	defer reaper.Unlock()
	err := cmd.Start()
	if err == nil {
		reaper.own[cmd.Process.Pid] = true
	}
	return err
}

// Join waits for the end of a command.
func Join(cmd *exec.Cmd) error {
	err := cmd.Wait()
	reaper.Lock()
	delete(reaper.own, cmd.Process.Pid)
	reaper.Unlock()
	return err
}

// Own reports whether [Start] has started a process.
func Own(pid int) bool {
	reaper.Lock()
	defer reaper.Unlock()
	return reaper.own[pid]
}
