//go:build linux && testhost

package operate

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestPause checks that state reports the pause, that exec waits or is refused, and that the
// container can be resumed, killed and deleted.
func TestPause(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*specs.Spec){"plain": nil, "host's processes": {withHostPIDs}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := run(t, edits...)
			if o := b.call("resume", b.id); o.Status != 1 || !strings.Contains(o.Stderr, "container not paused") {
				t.Errorf("resume of a running one: %+v", o)
			}
			b.expect("pause", b.id)
			if s := b.status(); s != "paused" {
				t.Errorf("state %s", s)
			}
			if o := b.exec("true"); o.Status != 255 || !strings.Contains(o.Stderr, "cannot exec in a paused container (use --ignore-paused") {
				t.Errorf("exec: %+v", o)
			}
			if o := b.call("delete", b.id); o.Status != 1 || !strings.Contains(o.Stderr, "is not stopped: paused") {
				t.Errorf("delete: %+v", o)
			}
			before := len(b.processes())
			cmd := b.command("exec", "--ignore-paused", b.id, "sh", "-c", "exit 3")
			done := suite.Background(cmd)
			suite.Eventually(t, "a process of exec", func() bool { return len(b.processes()) > before })
			select {
			case o := <-done:
				t.Fatalf("exec --ignore-paused has not waited: %+v", o)
			default:
			}
			b.expect("resume", b.id)
			if o := <-done; o.Status != 3 {
				t.Errorf("exec --ignore-paused: %+v", o)
			}
			if s := b.status(); s != "running" {
				t.Errorf("state %s", s)
			}
			b.expect("pause", b.id)
			b.expect("kill", b.id, "KILL")
			b.await("stopped")
			b.expect("delete", b.id)
			suite.WaitFor(t, b.pid)
			b.pid = 0
		})
	}
}

// TestDeletePaused deletes a paused container with --force.
func TestDeletePaused(t *testing.T) {
	t.Parallel()
	b := run(t)
	b.expect("pause", b.id)
	b.expect("delete", "--force", b.id)
}

// TestProcesses checks that ps lists all processes but the stub init.
func TestProcesses(t *testing.T) {
	t.Parallel()
	b := run(t, func(s *specs.Spec) { s.Process.Args = []string{"sleep", "1000"} })
	if pids := b.processes(); len(pids) != 1 || pids[0] != b.pid {
		t.Errorf("%v, want %d", pids, b.pid)
	}
	lines := strings.Split(strings.TrimSpace(b.expect("ps", b.id)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "PID") || !strings.Contains(lines[1], "sleep 1000") {
		t.Errorf("%q", lines)
	}
	if out := b.expect("ps", b.id, "-o", "pid"); strings.Join(strings.Fields(out), " ") != "PID "+strconv.Itoa(b.pid) {
		t.Errorf("%q", out)
	}
	for _, words := range [][]string{{"ps", "--format=yaml", b.id}, {"ps", b.id, "-o", "comm"}, {"ps"}, {"ps", "none"}} {
		if o := b.call(words...); o.Status != 1 {
			t.Errorf("%q: %+v", words, o)
		}
	}
}

// TestStopped checks that commands that need a running container say that it does not run.
func TestStopped(t *testing.T) {
	t.Parallel()
	b := run(t)
	b.expect("kill", b.id, "KILL")
	b.await("stopped")
	for words, want := range map[string]string{
		"pause": "container not running", "resume": "container not paused",
		"update --pids-limit=5": "container not running", "events --stats": "is not running", "events": "is not running",
		"exec": "exec failed: cannot exec in a stopped container",
	} {
		args := append(strings.Fields(words), b.id)
		if words == "exec" {
			args = append(args, "true")
		}
		if o := b.call(args...); o.Status == 0 || !strings.Contains(o.Stderr, want) {
			t.Errorf("%s: %+v", words, o)
		}
	}
	if out := b.expect("ps", "--format=json", b.id); strings.TrimSpace(out) != "[]" {
		t.Errorf("ps: %q", out)
	}
	if out := b.expect("ps", b.id); strings.Count(out, "\n") != 1 || !strings.Contains(out, "PID") {
		t.Errorf("ps: %q", out)
	}
}

// TestStats checks that the output of events --stats has runc's form with any set of controllers.
func TestStats(t *testing.T) {
	t.Parallel()
	b := run(t)
	var event struct {
		Type, ID string
		Data     map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(b.expect("events", "--stats", b.id)), &event); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"cpu", "memory", "pids", "blkio", "hugetlb"} {
		if event.Data[key] == nil {
			t.Errorf("no %s in %+v", key, event)
		}
	}
	if event.Type != "stats" || event.ID != b.id {
		t.Errorf("%+v", event)
	}
	// events ends with the container.
	cmd := b.command("events", "--interval=50ms", b.id)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for range 2 {
		if !lines.Scan() || !strings.Contains(lines.Text(), `"type":"stats"`) {
			t.Fatalf("events: %q, %v", lines.Text(), lines.Err())
		}
	}
	b.expect("kill", "--all", b.id, "KILL")
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err != nil {
		t.Errorf("events: %v", err)
	}
}
