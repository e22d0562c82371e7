//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

const forever = "echo started >/out/started; exec sleep 1000"

func TestStates(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	b.spec.Annotations = map[string]string{"org.example.note": "a=b"}
	b.write()

	b.refused("container does not exist", "state", b.id)
	before := time.Now().Add(-time.Second)
	b.create()
	s := b.state()
	if s.Status != "created" || s.Pid != b.pid || s.ID != b.id || s.Bundle != b.bundle || s.Rootfs != b.rootfs() ||
		s.Owner != "root" && !isPeer() || s.Annotations["org.example.note"] != "a=b" || s.Created.Before(before) || s.Created.After(time.Now()) {
		t.Errorf("state of a created container: %+v", s)
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", b.pid)); err != nil || strings.HasSuffix(exe, "/bin/busybox") {
		t.Errorf("before start the process is %s (%v)", exe, err)
	}
	b.refused("container with given ID already exists", b.createArgs()...)
	if s := b.state(); s.Status != "created" || s.Pid != b.pid {
		t.Errorf("a refused create changed the container: %+v", s)
	}

	if entries, _ := os.ReadDir(b.out); len(entries) > 0 {
		t.Error("something of the user's has run before start")
	}
	b.start()
	b.awaitFile("started")
	if s := b.state(); s.Status != "running" || s.Pid != b.pid {
		t.Errorf("state of a started container: %+v", s)
	}
	b.refused("cannot start an already running container", "start", b.id)
	b.refused("that is not stopped", "delete", b.id)
	b.refused("container with given ID already exists", b.createArgs()...)
	if s := b.state(); s.Status != "running" {
		t.Errorf("what was refused changed the container: %+v", s)
	}

	b.must("kill", b.id, "KILL")
	if ws := b.wait(); !ws.Signaled() || ws.Signal() != unix.SIGKILL {
		t.Errorf("the process ended with %#x", ws)
	}
	if s := b.state(); s.Status != "stopped" || s.Pid != 0 {
		t.Errorf("state of a stopped container: %+v", s)
	}
	b.refused("cannot start a container that has stopped", "start", b.id)
	b.refused("container not running", "kill", b.id, "KILL")
	b.must("delete", b.id)
	for _, args := range [][]string{{"state", b.id}, {"start", b.id}, {"kill", b.id}, {"delete", b.id}} {
		b.refused("container does not exist", args...)
	}
}

// TestCreatedEnds checks that delete or a signal ends a created container.
func TestCreatedEnds(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	b.create()
	b.must("delete", b.id)
	if ws := b.wait(); !ws.Signaled() || ws.Signal() != unix.SIGKILL {
		t.Errorf("delete of a created container: its process ended with %#x", ws)
	}
	b.create()
	b.must("kill", b.id, "KILL")
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("kill of a created container: its process ended with %#x", ws)
	}
	b.await("stopped")
	b.refused("cannot start a container that has stopped", "start", b.id)
	b.must("delete", b.id)
	if entries, _ := os.ReadDir(b.out); len(entries) > 0 {
		t.Error("something of the user's has run")
	}
}

func TestDeleteForce(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	b.must("delete", "--force", b.id)
	b.running()
	b.must("delete", "--force", b.id)
	if ws := b.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("the process ended with %#x", ws)
	}
	b.must("delete", "--force", b.id)
}

func TestKill(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "TERM", "SIGTERM", "15", "term"} {
		t.Run("signal "+name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, `trap 'echo got; exit 9' TERM; echo up >/out/up; while :; do sleep 0.05; done`)
			b.create()
			b.start()
			b.awaitFile("up")
			args := []string{"kill", b.id}
			if name != "" {
				args = append(args, name)
			}
			b.must(args...)
			if ws := b.wait(); ws.ExitStatus() != 9 || b.said("stdout") != "got\n" {
				t.Errorf("ended with %#x, said %q", ws, b.said("stdout"))
			}
		})
	}
	t.Run("unknown signal", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, forever)
		b.create()
		for _, name := range []string{"NOSUCH", "65", "-1", "1x", "TERM\nKILL"} {
			if o := b.berth("kill", "--", b.id, name); o.Status != 1 {
				t.Errorf("kill %q: status %d", name, o.Status)
			}
		}
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, `sleep 999 & echo up >/out/up; wait; echo child gone >/out/gone; exec sleep 1000`)
		b.create()
		b.start()
		b.awaitFile("up")
		b.must("kill", "--all", b.id, "KILL")
		if ws := b.wait(); ws.Signal() != unix.SIGKILL {
			t.Errorf("ended with %#x", ws)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	a := newBox(t, forever)
	if err := os.Mkdir(a.root, 0o700); err != nil {
		t.Fatal(err)
	}
	if text := a.must("list", "--quiet"); text != "" {
		t.Errorf("an empty list: %q", text)
	}
	b := a.sibling("second", forever)
	a.create()
	b.create()
	b.start()
	if text := a.must("list", "-q"); text != a.id+"\n"+b.id+"\n" {
		t.Errorf("list -q: %q", text)
	}
	lines := strings.Split(a.must("list"), "\n")
	if f := strings.Fields(lines[0]); len(f) < 6 || strings.Join(f[:6], " ") != "ID PID STATUS BUNDLE CREATED OWNER" {
		t.Errorf("list: the heading is %q", lines[0])
	}
	for i, want := range []string{
		fmt.Sprintf("%s %d created %s", a.id, a.pid, a.bundle),
		fmt.Sprintf("%s %d running %s", b.id, b.pid, b.bundle),
	} {
		if got := strings.Join(strings.Fields(lines[i+1]), " "); !strings.HasPrefix(got, want+" ") {
			t.Errorf("list: %q, want %q", got, want)
		}
	}
	var list []struct {
		ID, Status string
		Pid        int
	}
	if err := json.Unmarshal([]byte(a.must("list", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].ID != a.id || list[0].Pid != a.pid || list[0].Status != "created" || list[1].Status != "running" {
		t.Errorf("list as JSON: %+v", list)
	}
	a.refused("invalid format option", "list", "--format", "xml")
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0")
	for _, c := range []struct {
		args   []string
		status int
	}{
		{[]string{"nosuch"}, 3},
		{[]string{"create"}, 1},
		{[]string{"create", "--bundle", b.bundle}, 1},
		{[]string{"create", "--bundle", "/nonexistent", b.id}, 1},
		{[]string{"create", "--nosuch", b.id}, 1},
		{[]string{"start"}, 1},
		{[]string{"start", "a", "b"}, 1},
		{[]string{"state"}, 1},
		{[]string{"kill"}, 1},
		{[]string{"delete"}, 1},
		{[]string{"run"}, 1},
		{[]string{"--help"}, 0},
		{[]string{"--version"}, 0},
		{[]string{"create", "--help"}, 0},
		{[]string{"features"}, 0},
	} {
		if o := b.berth(c.args...); o.Status != c.status {
			t.Errorf("%q: status %d, want %d; stderr %q", c.args, o.Status, c.status, o.Stderr)
		}
	}
	b.refused("container does not exist", "start", b.id)
}

func TestLog(t *testing.T) {
	t.Parallel()
	b := newBox(t, "exit 0")
	file := filepath.Join(b.out, "log")
	o := b.berth("--log", file, "--log-format", "json", "start", "nosuch")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var line struct{ Level, Msg, Time string }
	if err := json.Unmarshal(data, &line); err != nil || strings.Count(string(data), "\n") != 1 {
		t.Fatalf("the log is not one JSON object: %v: %q", err, data)
	}
	if _, err := time.Parse(time.RFC3339, line.Time); err != nil || line.Level != "error" || !strings.Contains(line.Msg, "container does not exist") {
		t.Errorf("the log: %+v", line)
	}
	if o.Status != 1 || !strings.Contains(o.Stderr, "container does not exist") {
		t.Errorf("status %d, stderr %q", o.Status, o.Stderr)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// A successful command must log nothing that an engine could take for an error.
	b.must("--log", file, "--log-format", "json", "run", "--bundle", b.bundle, b.id)
	if data, _ := os.ReadFile(file); len(data) > 0 {
		t.Errorf("a run that went well logged %q", data)
	}
}

func TestRunStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		status int
	}{{"exit 0", 0}, {"exit 7", 7}, {"exit 126", 126}, {"exit 127", 127}, {"exit 255", 255}, {"nosuch", 127}, {"/etc/passwd", 126}} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, c.script)
			if o := b.run(); o.Status != c.status || o.Stdout != "" {
				t.Errorf("run: status %d, want %d; stdout %q, stderr %q", o.Status, c.status, o.Stdout, o.Stderr)
			}
			b.refused("container does not exist", "state", b.id)
		})
	}
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, forever)
		cmd := b.command("run", "--bundle", b.bundle, b.id)
		if err := suite.Start(cmd); err != nil {
			t.Fatal(err)
		}
		b.awaitFile("started")
		b.must("kill", b.id, "KILL")
		_ = suite.Join(cmd)
		if got := cmd.ProcessState.ExitCode(); got != 137 {
			t.Errorf("run: status %d, want 137", got)
		}
	})
	t.Run("signal forwarded", func(t *testing.T) {
		t.Parallel()
		b := newBox(t, `trap 'exit 33' INT; echo started >/out/started; while :; do sleep 0.05; done`)
		cmd := b.command("run", "--bundle", b.bundle, b.id)
		if err := suite.Start(cmd); err != nil {
			t.Fatal(err)
		}
		b.awaitFile("started")
		if err := cmd.Process.Signal(unix.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = suite.Join(cmd)
		if got := cmd.ProcessState.ExitCode(); got != 33 {
			t.Errorf("run: status %d, want 33", got)
		}
	})
}

func TestNoSuchProgram(t *testing.T) {
	t.Parallel()
	for words, args := range map[string][]string{
		"executable file not found in $PATH": {"nosuch"},
		"no such file or directory":          {"/bin/nosuch"},
		"permission denied":                  {"/etc/passwd"},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "")
			b.spec.Process.Args = args
			b.write()
			o := b.run()
			if o.Status != 1 || !strings.Contains(o.Stderr, words) || o.Stdout != "" {
				t.Errorf("status %d, stderr %q; want 1 and %q", o.Status, o.Stderr, words)
			}
			b.refused("container does not exist", "state", b.id)
		})
	}
}

func TestRunDetached(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	b.createWith(b.command("run", "-d", "--bundle", b.bundle, "--pid-file", b.pidFile(), b.id))
	b.awaitFile("started")
	if s := b.state(); s.Status != "running" || s.Pid != b.pid {
		t.Errorf("state: %+v, pid file: %d", s, b.pid)
	}
	b.kill()
	b.must("delete", b.id)
}

// TestRunStreams checks that data piped through run arrives whole.
func TestRunStreams(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cat; echo done >&2")
	cmd := b.command("run", "--bundle", b.bundle, b.id)
	text := strings.Repeat("0123456789abcde\n", 1<<16)
	cmd.Stdin = strings.NewReader(text)
	o := suite.Execute(t, cmd)
	if o.Status != 0 || o.Stdout != text || o.Stderr != "done\n" {
		t.Errorf("status %d, %d bytes of %d, stderr %q", o.Status, len(o.Stdout), len(text), o.Stderr)
	}
}

// TestStreamsClose checks that only the container's own process keeps the caller's streams open.
func TestStreamsClose(t *testing.T) {
	t.Parallel()
	b := newBox(t, "echo hello; exec >/dev/null 2>&1 </dev/null; "+forever)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stray, strayEnd, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	cmd := b.command(b.createArgs()...)
	cmd.Stdout = w
	cmd.ExtraFiles = []*os.File{strayEnd}
	b.createWith(cmd)
	w.Close()
	strayEnd.Close()
	if got := readAll(t, stray); got != "" {
		t.Errorf("the stray descriptor said %q", got)
	}
	b.start()
	if got := readAll(t, r); got != "hello\n" {
		t.Errorf("stdout: %q", got)
	}
	if s := b.state(); s.Status != "running" {
		t.Errorf("the state is %s", s.Status)
	}
}

// readAll reads to the end. It fails the test if the end does not come.
func readAll(t *testing.T, r *os.File) string {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(suite.Patience)); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := r.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			if os.IsTimeout(err) {
				t.Fatalf("somebody holds the other end: %s", holders(r))
			}
			return text.String()
		}
	}
}

// holders returns the processes that have a pipe open.
func holders(pipe *os.File) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", pipe.Fd()))
	var list []string
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		if target, _ := os.Readlink(l); target == name {
			comm, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(l)), "comm"))
			list = append(list, l+" "+strings.TrimSpace(string(comm)))
		}
	}
	return strings.Join(list, ", ")
}

// TestSpecCommand checks that the config.json of berth spec runs.
func TestSpecCommand(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	if err := os.Remove(filepath.Join(b.bundle, "config.json")); err != nil {
		t.Fatal(err)
	}
	b.must("spec", "--bundle", b.bundle)
	data, err := os.ReadFile(filepath.Join(b.bundle, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, b.spec); err != nil {
		t.Fatal(err)
	}
	b.refused("exists. Remove it first", "spec", "--bundle", b.bundle)
	b.spec.Process.Terminal = false
	b.spec.Process.Args = []string{"echo", "hello"}
	b.write()
	cmd := b.command("run", b.id)
	cmd.Dir = b.bundle
	if o := suite.Execute(t, cmd); o.Status != 0 || o.Stdout != "hello\n" {
		t.Errorf("status %d, stdout %q, stderr %q", o.Status, o.Stdout, o.Stderr)
	}
}

// TestListOfNoRoot checks that list refuses a --root that does not exist, as runc does: a mistyped
// state directory is not an empty one.
func TestListOfNoRoot(t *testing.T) {
	t.Parallel()
	b := newBox(t, "true")
	b.root = filepath.Join(b.root, "none")
	b.refused("list: --root", "list")
}

// TestStateOfStopped checks that state does not wait for a created container that was sent SIGSTOP
// and cannot answer.
func TestStateOfStopped(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever)
	b.create()
	b.must("kill", b.id, "STOP")
	for range 40 {
		if got := b.state().Status; got != "created" {
			t.Fatalf("status %q", got)
		}
	}
	b.must("kill", b.id, "CONT")
	b.start()
	b.awaitFile("started")
}
