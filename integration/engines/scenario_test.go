//go:build linux

package engines

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/executable"
)

// scenario is a bash script with a few commands of an engine, and all that it must write to stdout.
// A command that fails unexpectedly ends the script and fails the test. The script can use $n (a
// prefix for names), $d (an empty directory, in which the script runs), $i (the image) and the
// functions of scenario.sh.
type scenario struct {
	name, script, want string
	// refused names the runtimes that cannot do this by design. For such a runtime the script must
	// fail, and its output must match the regular expression.
	refused refusal
}

type refusal map[string]string

//go:embed scenario.sh
var scenarioFunctions string

// scenarios returns the rows of the suite scenarios.
func scenarios() []scenario {
	return slices.Concat(fileScenarios, execScenarios, lifeScenarios, podScenarios, networkScenarios,
		spaceScenarios, attributeScenarios, systemScenarios, buildScenarios)
}

func TestScenarios(t *testing.T) {
	if !wanted("scenarios") {
		return
	}
	noCgroups := filepath.Join(t.TempDir(), "containers.conf")
	supported := `[engine]
runtime_supports_nocgroup = ["crun", "berth-lxc", "berth-pct", "berth-crun"]
`
	if err := os.WriteFile(noCgroups, []byte(supported), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, runtime := range runtimes {
		s := &stage{
			dir: wrapper(t, "podman", "--runtime", runtime.path), runtime: runtime,
			env: []string{"engine=podman", "program=/usr/bin/podman", "CONTAINERS_CONF_OVERRIDE=" + noCgroups},
		}
		column(t, "scenarios", runtime.name, func(t *testing.T) *stage { return s }, some(runtime, rows(scenarios())),
			func() { s.clear(t, clearPodman) })
	}
}

// stage is the environment in which the scenarios of one runtime run.
type stage struct {
	dir     string // first on PATH; contains a script with the engine's name that adds the runtime's arguments
	runtime candidate
	env     []string // added to the environment
	// again is how often a failed scenario is repeated.
	again int
	names atomic.Int32
}

// clearPodman removes what the scenarios made. It runs once, after all of them, because a podman
// command takes longer than most of what the scenarios do.
const clearPodman = `
	podman pod rm --all --force --time 0
	podman rm --all --force --time 0 --volumes
	podman volume rm --all --force
	podman network prune --force
	podman secret rm --all
	podman images --quiet --filter reference="localhost/$n*" | xargs --no-run-if-empty podman rmi --force
	podman image prune --force
	rm -rf /var/tmp/buildah-cache-0`

func (s *stage) clear(t *testing.T, script string) {
	t.Helper()
	if stdout, stderr, status := s.sh(t, t.TempDir(), s.runtime.name, script); status != 0 {
		t.Errorf("clearing up: exit status %d\nstdout: %s\nstderr: %s", status, stdout, stderr)
	}
}

// rows returns scenarios as tests of the table.
func rows(of []scenario) []test[*stage] {
	var tests []test[*stage]
	for _, c := range of {
		tests = append(tests, test[*stage]{c.name, c.run})
	}
	return tests
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// name returns a new prefix for the names in a row: the runtime, as much of the row's name as a
// hostname has room for, and a number.
func (s *stage) name(row string) string {
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(row), "-"), "-")
	return fmt.Sprintf("%s-%.20s-%d", s.runtime.name, slug, s.names.Add(1))
}

func (c scenario) run(t *testing.T, s *stage) {
	for range s.again {
		wrong := c.once(t, s)
		if wrong == "" {
			return
		}
		t.Log("once more:", wrong)
	}
	if wrong := c.once(t, s); wrong != "" {
		t.Error(wrong)
	}
}

// once runs a scenario and returns what was wrong, or "".
func (c scenario) once(t *testing.T, s *stage) string {
	// Not t.TempDir: its name contains characters that engines take for the end of an option, and
	// it is too long for the path of a socket.
	dir, err := os.MkdirTemp("", "row")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := s.sh(t, dir, s.name(c.name), c.script)
	if want, refused := c.refused[s.runtime.name]; refused {
		if status == 0 || !regexp.MustCompile(want).MatchString(stdout+stderr) {
			return fmt.Sprintf("exit status %d, and not refused with %q\nstdout: %s\nstderr: %s", status, want, stdout, stderr)
		}
		return ""
	}
	if got := trimmed(stdout); status != 0 || got != trimmed(c.want) {
		return fmt.Sprintf("exit status %d\n--- got\n%s\n--- want\n%s\n--- stderr\n%s", status, got, strings.TrimSpace(c.want), stderr)
	}
	return ""
}

var spaceAtEnd = regexp.MustCompile(`(?m)[ \t]+$`)

func trimmed(s string) string { return strings.TrimSpace(spaceAtEnd.ReplaceAllString(s, "")) }

// sh runs a script with the functions of scenario.sh, and traces it on stderr. Afterwards it kills
// what the script left in the background.
func (s *stage) sh(t *testing.T, dir, name, script string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", scenarioFunctions+"\nset -x\n"+script)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), s.env, []string{"PATH=" + s.dir + ":" + os.Getenv("PATH"), "LC_ALL=C.UTF-8",
		"n=" + name, "d=" + dir, "i=" + image, "runtime=" + s.runtime.path})
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if e := cmd.Start(); e != nil {
		t.Fatal(e)
	}
	e := cmd.Wait()
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	if ctx.Err() != nil {
		t.Fatalf("not over after %v\n--- stdout\n%s\n--- stderr\n%s", *patience, out.String(), err.String())
	}
	if e != nil && cmd.ProcessState.Success() {
		t.Fatalf("%v\n--- stdout\n%s\n--- stderr\n%s", e, out.String(), err.String())
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// wrapper creates a directory with a script that has the name of a program and calls it with args
// before the script's own arguments.
func wrapper(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nexec " + path + " " + strings.Join(args, " ") + ` "$@"` + "\n"
	if err := executable.Write(filepath.Join(dir, program), []byte(script)); err != nil {
		t.Fatal(err)
	}
	return dir
}
