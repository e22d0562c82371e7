//go:build linux && integration

package lifecycle

import (
	"bytes"
	"errors"
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

// reaper reaps the orphans that become children of this process, as an engine's monitor does, and
// leaves the children of package exec alone.
var reaper = struct {
	sync.Mutex
	own    map[int]bool
	ended  map[int]syscall.WaitStatus
	change *sync.Cond
}{own: map[int]bool{}, ended: map[int]syscall.WaitStatus{}}

func becomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	reaper.change = sync.NewCond(&reaper.Mutex)
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go func() {
		// The ticker wakes waiters whose deadline has passed.
		for tick := time.NewTicker(200 * time.Millisecond); ; reap() {
			select {
			case <-children:
			case <-tick.C:
			}
		}
	}()
	return nil
}

func reap() {
	reaper.Lock()
	defer reaper.Unlock()
	for _, child := range children() {
		if reaper.own[child] {
			continue
		}
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(child, &status, unix.WNOHANG, nil); err == nil && pid == child {
			reaper.ended[pid] = status
		}
	}
	reaper.change.Broadcast()
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

// adopt forgets the status of an earlier process with this pid.
func adopt(pid int) {
	reaper.Lock()
	defer reaper.Unlock()
	delete(reaper.ended, pid)
}

// waitFor waits for an adopted orphan to end and returns its wait status.
func waitFor(t *testing.T, pid int) syscall.WaitStatus {
	t.Helper()
	deadline := time.Now().Add(patience)
	reaper.Lock()
	defer reaper.Unlock()
	for {
		if status, ok := reaper.ended[pid]; ok {
			delete(reaper.ended, pid)
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d has not ended as our child after %v", pid, patience)
		}
		reaper.change.Wait()
	}
}

const patience = 20 * time.Second

// outcome is the result of a command.
type outcome struct {
	stdout, stderr string
	status         int
}

// spawn starts a command. Its caller waits for the end with join.
func spawn(cmd *exec.Cmd) error {
	reaper.Lock()
	defer reaper.Unlock()
	err := cmd.Start()
	if err == nil {
		reaper.own[cmd.Process.Pid] = true
	}
	return err
}

func join(cmd *exec.Cmd) error {
	err := cmd.Wait()
	reaper.Lock()
	delete(reaper.own, cmd.Process.Pid)
	reaper.Unlock()
	// The command's orphans may have ended before it did.
	reap()
	return err
}

// execute runs a command and returns its outcome. The output goes to files because a container that
// the command leaves behind may keep them open.
func execute(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	o, err := tryExecute(cmd)
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return o
}

func tryExecute(cmd *exec.Cmd) (o outcome, err error) {
	stdout, err := os.CreateTemp(workDir(), "stdout")
	if err != nil {
		return o, err
	}
	defer stdout.Close()
	defer os.Remove(stdout.Name())
	stderr, err := os.CreateTemp(workDir(), "stderr")
	if err != nil {
		return o, err
	}
	defer stderr.Close()
	defer os.Remove(stderr.Name())
	if cmd.Stdout == nil {
		cmd.Stdout = stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = stderr
	}
	if err := spawn(cmd); err != nil {
		return o, err
	}
	err = join(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, err
	}
	o.status = cmd.ProcessState.ExitCode()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		o.status = 128 + int(ws.Signal())
	}
	for from, to := range map[*os.File]*string{stdout: &o.stdout, stderr: &o.stderr} {
		data, err := os.ReadFile(from.Name())
		if err != nil {
			return o, err
		}
		*to = string(data)
	}
	return o, nil
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	o := execute(t, exec.Command(name, args...))
	if o.status != 0 {
		t.Fatalf("%s %q: status %d: %s", name, args, o.status, o.stderr)
	}
	return o.stdout
}

// process is a process as in /proc/PID/stat.
type process struct {
	pid, parent int
	state       byte
	start       string
	comm        string
}

func processes() []process {
	entries, _ := os.ReadDir("/proc")
	var list []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func readProcess(pid int) (process, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, err
	}
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if open < 0 || end < 0 || len(fields) < 20 {
		return process{}, errors.New("odd /proc/PID/stat")
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return process{pid: pid, parent: parent, state: fields[0][0], start: string(fields[19]), comm: string(data[open+1 : end])}, err
}

// exists reports whether this same process still runs.
func (p process) exists() bool {
	now, err := readProcess(p.pid)
	return err == nil && now.start == p.start && now.state != 'Z' && now.state != 'X'
}
