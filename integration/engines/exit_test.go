//go:build linux

package engines

import (
	"regexp"
	"syscall"
	"testing"
)

var exitTests = []test[*podman]{
	{"exit status 0", exit{command: opts("true")}.run},
	{"exit status 7", exit{command: opts("sh", "-c", "exit 7"), status: 7}.run},
	{"exit status 255", exit{command: opts("sh", "-c", "exit 255"), status: 255}.run},
	{"exit status 126: not executable", exit{command: opts("/etc/passwd"), status: 126, stderr: "permission denied"}.run},
	{"exit status 126: a directory", exit{command: opts("/etc"), status: 126, stderr: "permission denied|is a directory"}.run},
	{"exit status 127: not on PATH", exit{command: opts("nosuchprogram"), status: 127, stderr: "not found"}.run},
	{"exit status 127: no such path", exit{command: opts("/no/such/program"), status: 127, stderr: "no such file or directory"}.run},
	{"exit status 137: kill -9", killed},
	{"exit status 143: SIGTERM of its own", exit{command: opts("sh", "-c", "sh -c 'kill -TERM $$'; exit $?"), status: 143, stderr: "terminated"}.run},
	{"exit status of a detached container", func(t *testing.T, p *podman) {
		p.exits(p.detached(image, "sh", "-c", "sleep 0.3; exit 9"), 9)
	}},
}

type exit struct {
	command []string
	status  int
	stderr  string // a case-insensitive regular expression for a part of it
}

func (c exit) run(t *testing.T, p *podman) {
	r := p.run(append([]string{"run", "--rm", "--name", p.name(), image}, c.command...)...)
	if r.status != c.status {
		t.Errorf("exit status %d, not %d; stderr: %s", r.status, c.status, r.stderr)
	}
	if !regexp.MustCompile("(?i)" + c.stderr).MatchString(r.stderr) {
		t.Errorf("stderr has no %q: %s", c.stderr, r.stderr)
	}
	if c.stderr == "" && r.stderr != "" {
		t.Errorf("stderr is not empty: %s", r.stderr)
	}
}

// killed checks that an engine in the foreground reports the signal that ends the container's first
// process.
func killed(t *testing.T, p *podman) {
	name := p.name()
	done := make(chan result)
	go func() {
		done <- p.run("run", "--name", name, image, "sleep", "1000")
	}()
	eventually(t, "running", func() bool {
		return p.run("inspect", "--format", "{{.State.Status}}", name).stdout == "running\n"
	})
	if err := syscall.Kill(p.pid(name), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.status != 137 {
		t.Errorf("exit status %d, not 137; stderr: %s", r.status, r.stderr)
	}
	p.exits(name, 137)
}
