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

// scenario is a few commands of an engine's, in bash, and all that they write to
// stdout. A command that fails without being asked about it ends the script, and
// the test. The words $n (what names begin with), $d (an empty directory, where
// the script runs), $i (the image) and the functions of scenario.sh are at hand.
type scenario struct {
	name, script, want string
	// refused has, for a runtime that cannot do this by its nature, a regular
	// expression for a part of what the script says instead, by the name that
	// the runtime is called by. The script fails then.
	refused refusal
}

type refusal map[string]string

//go:embed scenario.sh
var scenarioFunctions string

// scenarios are the rows of the suite of that name.
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

// stage is where the scenarios of one runtime run.
type stage struct {
	dir     string // goes before PATH: the engine's name there is a script that names the runtime
	runtime candidate
	env     []string // besides
	// again is how often a scenario may be repeated that fails.
	again int
	names atomic.Int32
}

// clearPodman removes what scenarios have made, in the end and all at once: a
// podman command costs more than what most of them do.
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

// rows are scenarios as tests of the table.
func rows(of []scenario) []test[*stage] {
	var tests []test[*stage]
	for _, c := range of {
		tests = append(tests, test[*stage]{c.name, c.run})
	}
	return tests
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// name is what the names of a row begin with: its own, as far as there is room
// for it in a hostname, and its number.
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

// once says what is wrong, in the end.
func (c scenario) once(t *testing.T, s *stage) string {
	// Not t.TempDir: its name has what engines take for an option's end, and is
	// too long for a socket's.
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

// sh runs a script with the functions of scenario.sh, traced on stderr. What it
// leaves in the background ends with it.
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

// wrapper makes a directory with a script in it that is called as a program is
// and calls it with arguments of its own first.
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
