//go:build linux

package engines

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// image is an image of busybox with a user called user.
const image = "localhost/berth-test/busybox"

func TestPodman(t *testing.T) {
	if !wanted("podman") {
		return
	}
	tests := slices.Concat(outputTests(), exitTests, stdioTests, terminalTests, lifeTests, mountTests,
		processTests, namespaceTests, networkTests)
	perManager(t, "podman", tests)
}

func TestLimits(t *testing.T) {
	if !wanted("limits") {
		return
	}
	perManager(t, "limits", limitTests)
}

func perManager(t *testing.T, suite string, tests []test[*podman]) {
	for _, runtime := range runtimes {
		for _, manager := range runtime.managers {
			column(t, suite, runtime.name+"/"+manager, func(t *testing.T) *podman {
				return &podman{T: t, runtime: runtime.path, manager: manager}
			}, some(runtime, tests))
		}
	}
}

// podman is the engine within one test.
type podman struct {
	*testing.T
	runtime, manager string
	names            int
}

func (p *podman) command(args ...string) command {
	return command{argv: append([]string{"podman", "--runtime", p.runtime, "--cgroup-manager", p.manager}, args...)}
}

// run runs a podman command and returns how it ended. must returns what the command wrote.
func (p *podman) run(args ...string) result {
	p.Helper()
	return p.command(args...).run(p.T)
}

func (p *podman) must(args ...string) string {
	p.Helper()
	return p.command(args...).must(p.T)
}

// name returns a new name. The container of this name is removed when the test ends.
func (p *podman) name() string {
	p.names++
	words := strings.FieldsFunc(p.T.Name()+" "+strconv.Itoa(p.names), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
	name := strings.ToLower(strings.Join(words, "-"))
	p.Cleanup(func() {
		if stored(p.T, name) {
			p.must("rm", "--force", "--ignore", "--time", "0", "--volumes", name)
		}
	})
	return name
}

// stored is true if podman's storage has a container of this name. Most containers are gone because
// of --rm, and calling podman to remove nothing takes long.
func stored(t *testing.T, name string) bool {
	t.Helper()
	for _, file := range []string{"containers.json", "volatile-containers.json"} {
		data, err := os.ReadFile("/var/lib/containers/storage/overlay-containers/" + file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if strings.Contains(string(data), strconv.Quote(name)) {
			return true
		}
	}
	return false
}

// detached starts a container in the background and returns its id.
func (p *podman) detached(args ...string) string {
	p.Helper()
	return p.must(append([]string{"run", "--detach", "--name", p.name()}, args...)...)
}

// sleeper starts a container in the background that waits, and ends with status 0 at SIGTERM.
func (p *podman) sleeper(options ...string) string {
	p.Helper()
	return p.detached(append(options, image, "sh", "-c", `trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done`)...)
}

// ask returns a field of podman inspect.
func (p *podman) ask(id, field string) string {
	p.Helper()
	return p.must("inspect", "--format", "{{"+field+"}}", id)
}

// pid returns the host pid of a container's first process.
func (p *podman) pid(id string) int {
	p.Helper()
	pid, err := strconv.Atoi(p.ask(id, ".State.Pid"))
	if err != nil || pid <= 0 {
		p.Fatalf("podman inspect: pid %d, %v", pid, err)
	}
	return pid
}

// logs waits for a text in a container's output.
func (p *podman) logs(id, want string) {
	p.Helper()
	eventually(p.T, fmt.Sprintf("%q in the output", want), func() bool {
		r := p.run("logs", id)
		return strings.Contains(r.stdout+r.stderr, want)
	})
}

// exits waits for a container's end, and checks its exit status.
func (p *podman) exits(id string, status int) {
	p.Helper()
	if got := p.must("wait", id); got != strconv.Itoa(status) {
		p.Errorf("podman wait: exit status %s, not %d", got, status)
	}
	if got := p.ask(id, ".State.ExitCode"); got != strconv.Itoa(status) {
		p.Errorf("podman inspect: exit status %s, not %d", got, status)
	}
}

// input runs a podman command with something on stdin.
func (p *podman) input(stdin io.Reader, args ...string) result {
	p.Helper()
	c := p.command(args...)
	c.stdin = stdin
	return c.run(p.T)
}
