//go:build linux

package engines

import (
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// containerdOperations are tests of operations on a running task.
var containerdOperations = []test[*containerd]{
	{"exec: streams, user, directory, exit status", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sleep", "1000")
		run := c.command("task", "exec", "--exec-id", "one", "--user", "1234", "--cwd", "/usr/bin", id, "sh", "-c", "cat; id -u; pwd; echo err >&2; exit 5")
		run.stdin = strings.NewReader("passed on\n")
		if r := run.run(t); r.stdout != "passed on\n1234\n/usr/bin\n" || r.stderr != "err\n" || r.status != 5 {
			t.Errorf("%+v", r)
		}
	}},
	{"exec: no such program", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sleep", "1000")
		if r := c.run("task", "exec", "--exec-id", "one", id, "nosuchprogram"); r.status == 0 || !matches(`(?i)executable file .*not found in \$PATH`, r.stderr) {
			t.Errorf("%+v", r)
		}
		if _, status := c.task(id); status != "RUNNING" {
			t.Errorf("the task is %s", status)
		}
	}},
	{"pause, resume, ps", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sh", "-c", "sleep 1000 & sleep 1000; true")
		c.must("task", "pause", id)
		if _, status := c.task(id); status != "PAUSED" {
			t.Errorf("the task is %s", status)
		}
		c.must("task", "resume", id)
		pid, status := c.task(id)
		if status != "RUNNING" {
			t.Errorf("the task is %s", status)
		}
		eventually(t, "its processes", func() bool {
			lines := strings.Split(c.must("task", "ps", id), "\n")
			return len(lines) == 4 && strings.Contains(suite.Proc(t, pid, "cmdline"), "sleep")
		})
	}},
	{"a checkpoint is refused, and does no harm", func(t *testing.T, c *containerd) {
		id := c.detached(nil, "sleep", "1000")
		if r := c.run("task", "checkpoint", "--image-path", t.TempDir(), id); r.status == 0 {
			t.Errorf("%+v", r)
		}
		if r := c.run("task", "exec", "--exec-id", "one", id, "echo", "hi"); r.stdout != "hi\n" {
			t.Errorf("afterwards: %+v", r)
		}
	}},
	{"events of a life", func(t *testing.T, c *containerd) {
		var mu sync.Mutex
		var seen strings.Builder
		argv := c.command("events").argv
		events := exec.Command(argv[0], argv[1:]...)
		events.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		events.Stdout = writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return seen.Write(p)
		})
		if err := events.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = events.Process.Kill(); _ = events.Wait() })
		id := c.name()
		eventually(t, "the events of a task", func() bool {
			// The first events may come before ctr listens.
			c.run(append(c.runArgs("--rm", ctrImage, id), "sh", "-c", "exit 3")...)
			mu.Lock()
			defer mu.Unlock()
			for _, topic := range []string{"create", "start", "exit", "delete"} {
				if !matches(`/tasks/`+topic+` .*`+id, seen.String()) {
					return false
				}
			}
			return matches(`/tasks/exit .*`+id+`.*"exit_status":3`, seen.String())
		})
	}},
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
