//go:build linux

package engines

import (
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

var criStreamTests = []test[*cri]{
	{"exec: stdout, stderr and status", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		if r := x.exec("sh", "-c", "echo out; echo err >&2"); !matches(`^out\n+err$`, r.stdout) || r.status != 0 {
			t.Errorf("%+v", r)
		}
		if r := x.exec("sh", "-c", "echo err >&2; exit 5"); !strings.Contains(r.stderr, "exited with 5: err\n") || r.status == 0 {
			t.Errorf("%+v", r)
		}
		for range 5 { // the kubelet probes again and again
			if r := x.exec("true"); r.status != 0 {
				t.Errorf("%+v", r)
			}
		}
	}},
	{"exec: a probe that fails, and one that cannot run", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		if r := x.exec("false"); r.status == 0 {
			t.Errorf("%+v", r)
		}
		if r := x.exec("nosuchprogram"); r.status == 0 || !matches("(?i)executable file .*not found|no such file", r.stderr) {
			t.Errorf("%+v", r)
		}
		x.must("stop", "--timeout", "60", x.id)
		if r := x.exec("true"); r.status == 0 {
			t.Errorf("it ran in a container that has stopped: %+v", r)
		}
	}},
	{"exec: a probe's time is over", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		r := x.run("exec", "--sync", "--timeout", "1", x.id, "sleep", "3377")
		if r.status == 0 || !strings.Contains(r.stderr, "DeadlineExceeded") {
			t.Errorf("%+v", r)
		}
		eventually(t, "the probe's process has gone", func() bool { return !strings.Contains(x.exec("ps").stdout, "sleep 3377") })
	}},
	{"exec: streams", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		command := x.command("exec", "--interactive", x.id, "sh", "-c", "cat; echo err >&2")
		text := strings.Repeat("0123456789abcdef\n", 10000)
		command.stdin = strings.NewReader(text)
		if r := command.run(t); r.stdout != text || !strings.Contains(r.stderr, "err\n") || r.status != 0 {
			t.Errorf("%d bytes of %d, %q, %d", len(r.stdout), len(text), r.stderr, r.status)
		}
	}},
	{"exec: terminal", func(t *testing.T, c *cri) {
		x := c.pod(nil).sleeper(nil)
		y := onTerminal(t, x.command("exec", "--interactive", "--tty", x.id, "sh", "-c",
			`tty; echo ready; until [ "$(stty size)" = "50 120" ]; do sleep 0.1; done; echo resized; read line; echo "got $line"`).argv...)
		y.expect(`/dev/pts/\d+\r+\n`)
		y.expect(`ready`)
		y.resizeUntil(`resized`)
		y.send("typed\n")
		y.expect(`got typed`)
		if s := y.status(); s != 0 {
			t.Errorf("exit status %d", s)
		}
	}},
	{"attach", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(set{"stdin": true, "stdin_once": true}, "sh", "-c", "echo ready; cat; echo end")
		x.said("ready")
		attach := x.command("attach", "--stdin", x.id)
		attach.stdin = strings.NewReader("passed on\n")
		if r := attach.run(t); !strings.Contains(r.stdout, "passed on\n") || r.status != 0 {
			t.Errorf("%+v", r)
		}
		// With stdin_once, containerd closes standard input after the first client that attaches.
		x.exits(0, "Completed")
		if x.log() != "ready\npassed on\nend\n" {
			t.Errorf("the log: %q", x.log())
		}
	}},
	{"attach: terminal", func(t *testing.T, c *cri) {
		x := c.pod(nil).start(set{"stdin": true, "tty": true}, "sh", "-c", `tty; echo ready; while read line; do echo "got $line"; [ "$line" = bye ] && exit 4; done`)
		x.said("ready")
		y := onTerminal(t, x.command("attach", "--stdin", "--tty", x.id).argv...)
		y.prod(`got typed`, func() { y.send("typed\n") })
		y.prod(`got bye`, func() { y.send("bye\n") })
		x.exits(4, "Error")
		if !strings.HasPrefix(x.log(), "/dev/pts/0\n") {
			t.Errorf("the log: %q", x.log())
		}
	}},
	{"port-forward", func(t *testing.T, c *cri) {
		p := c.pod(nil)
		x := p.start(nil, "nc", "-ll", "-p", "8080", "-e", "echo", "forwarded")
		// crictl port-forward ends if nobody listens in the pod.
		eventually(t, "an answer in the pod", func() bool { return x.exec("nc", "-w", "2", "127.0.0.1", "8080").stdout == "forwarded" })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		l.Close()
		argv := p.command("port-forward", p.id, port+":8080").argv
		forward := exec.Command(argv[0], argv[1:]...)
		forward.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := forward.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = forward.Process.Kill(); _ = forward.Wait() })
		eventually(t, "an answer through the forwarded port", func() bool { return dial("127.0.0.1:"+port) == "forwarded\n" })
	}},
}
