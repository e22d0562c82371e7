//go:build linux

package engines

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/suite"
)

// notInTime is a grace period, in seconds, that is longer than -patience. A stop that waits for its
// end fails the test.
const notInTime = "1000"

var lifeTests = []test[*podman]{
	{"-d and logs", func(t *testing.T, p *podman) {
		for _, driver := range []string{"k8s-file", "journald"} {
			id := p.detached("--log-driver", driver, image, "sh", "-c", "echo out; echo err >&2; sleep 1000")
			p.logs(id, "out")
			p.logs(id, "err")
			if r := p.run("logs", id); r.stdout != "out\n" || r.stderr != "err\n" {
				t.Errorf("%s: stdout %q, stderr %q", driver, r.stdout, r.stderr)
			}
		}
	}},
	{"stop: the stop signal is enough", func(t *testing.T, p *podman) {
		id := p.sleeper()
		p.logs(id, "ready")
		p.must("stop", "--time", notInTime, id)
		p.exits(id, 0)
	}},
	{"stop: a stop signal of its own", func(t *testing.T, p *podman) {
		id := p.detached("--stop-signal", "USR1", image, "sh", "-c", `trap "exit 8" USR1; echo ready; while :; do sleep 0.1; done`)
		p.logs(id, "ready")
		p.must("stop", "--time", "30", id)
		p.exits(id, 8)
	}},
	{"stop: SIGKILL after the timeout", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`)
		p.logs(id, "ready")
		since := time.Now()
		p.must("stop", "--time", "2", id)
		if d := time.Since(since); d < 2*time.Second {
			t.Errorf("stopped after %v already", d)
		}
		p.exits(id, 137)
	}},
	{"conmon is killed", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1000")
		conmon, err := strconv.Atoi(p.ask(id, ".State.ConmonPid"))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(conmon, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		// podman reports once that the exit status is lost, and stops the container.
		_ = p.run("rm", "--force", "--time", "0", id)
		p.must("rm", "--force", "--ignore", "--time", "0", id)
	}},
	{"podman is killed in the foreground", func(t *testing.T, p *podman) {
		name := p.name()
		cmd := exec.Command("podman", p.command("run", "--name", name, image, "sh", "-c", "echo ready; sleep 1000").argv[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the container's output", func() bool { return strings.Contains(p.run("logs", name).stdout, "ready") })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got := p.ask(name, ".State.Status"); got != "running" {
			t.Errorf("the container is %s", got)
		}
		p.must("rm", "--force", "--time", "0", name)
	}},
	{"kill -s", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", `trap "echo usr1" USR1; trap "exit 6" HUP; echo ready; while :; do sleep 0.1; done`)
		p.logs(id, "ready")
		p.must("kill", "-s", "USR1", id)
		p.logs(id, "usr1")
		p.must("kill", "-s", "1", id)
		p.exits(id, 6)
	}},
	{"kill", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1000")
		p.must("kill", id)
		p.exits(id, 137)
		if r := p.run("kill", id); r.status == 0 {
			t.Error("a container that has ended could be killed")
		}
	}},
	{"rm -f", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "sleep 1000 & sleep 1000")
		p.must("rm", "--force", "--time", "0", id)
		p.gone(id)
	}},
	{"rm of a running container is refused", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1000")
		if r := p.run("rm", id); r.status == 0 {
			t.Error("it was removed")
		}
		if got := p.ask(id, ".State.Status"); got != "running" {
			t.Errorf("it is %s", got)
		}
	}},
	{"--rm leaves nothing", func(t *testing.T, p *podman) {
		id := p.detached("--rm", image, "sleep", "0.5")
		eventually(t, "removed", func() bool { return p.run("container", "exists", id).status == 1 })
		p.gone(id)
	}},
	{"children end with the first process", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "sleep 4321 & sleep 4321 & sleep 0.5; exit 3")
		p.exits(id, 3)
		p.must("rm", id)
		p.gone(id)
	}},
	{"signals pass through podman", func(t *testing.T, p *podman) {
		name := p.name()
		c := p.command("run", "--rm", "--name", name, image, "sh", "-c", `trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done`)
		x := onTerminal(t, c.argv...)
		x.expect("ready")
		if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if s := x.status(); s != 9 {
			t.Errorf("exit status %d, not 9", s)
		}
	}},
	{"create, init, start", func(t *testing.T, p *podman) {
		id := p.must("create", "--name", p.name(), image, "sh", "-c", "echo ran; exit 4")
		p.must("init", id)
		if got := p.ask(id, ".State.Status"); got != "initialized" {
			t.Errorf("after init it is %s", got)
		}
		if r := p.run("logs", id); r.stdout != "" {
			t.Errorf("it ran before start: %q", r.stdout)
		}
		if r := p.run("start", "--attach", id); r.stdout != "ran\n" || r.status != 4 {
			t.Errorf("start: stdout %q, exit status %d, stderr %s", r.stdout, r.status, r.stderr)
		}
	}},
	{"removed before it was started", func(t *testing.T, p *podman) {
		id := p.must("create", "--name", p.name(), image, "true")
		p.must("init", id)
		p.must("rm", "--force", "--time", "0", id)
		p.gone(id)
	}},
	{"start of a stopped container", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", `trap "exit 0" TERM; echo x >>/count; echo "ready $(wc -l </count)"; while :; do sleep 0.1; done`)
		p.logs(id, "ready 1")
		first := p.pid(id)
		p.must("stop", "--time", "30", id)
		p.must("start", id)
		p.logs(id, "ready 2")
		if again := p.pid(id); again == first {
			t.Errorf("the pid is %d again", again)
		}
		p.must("restart", "--time", "30", id)
		p.logs(id, "ready 3")
		p.must("stop", "--time", "30", id)
		p.exits(id, 0)
	}},
	{"ps", func(t *testing.T, p *podman) {
		id := p.detached(image, "sleep", "1000")
		if got := p.must("ps", "--no-trunc", "--filter", "id="+id, "--format", "{{.ID}} {{.State}}"); got != id+" running" {
			t.Errorf("%q", got)
		}
	}},
	{"top", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "sleep 1234; true")
		eventually(t, "both processes", func() bool {
			lines := strings.Split(p.must("top", id, "pid", "args"), "\n")
			return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "1 ") && strings.Contains(l, "sh -c sleep 1234") }) &&
				slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(strings.TrimSpace(l), "  sleep 1234") })
		})
	}},
}

// gone checks that a removed container leaves no trace on the host.
func (p *podman) gone(id string) {
	p.Helper()
	var left []string
	if !suite.Becomes(settle, func() bool { left = traces(p.T, id); return len(left) == 0 }) {
		slices.Sort(left)
		p.Errorf("left of %s:\n\t%s", id, strings.Join(left, "\n\t"))
	}
}
