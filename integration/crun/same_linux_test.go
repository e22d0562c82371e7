//go:build linux && testhost

package crun

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// varying is what differs from call to call: times, pids, directories.
var varying = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`/dev/shm/berth-crun-[^" '` + "`" + `/]*/(run|alone)[^" '` + "`" + `]*?(@crun|@runc|/x\b)`), "ROOT"},
	{regexp.MustCompile(`/dev/shm/berth-crun-\S*`), "PATH"},
	{regexp.MustCompile(`\bbundle\d+`), "BUNDLE"},
	{regexp.MustCompile(`\b\d{2,7}\b`), "N"},
}

func plain(s string) string {
	for _, v := range varying {
		s = v.pattern.ReplaceAllString(s, v.with)
	}
	return s
}

// step is a command and how long to wait for the container afterwards.
type step struct {
	args []string
	wait time.Duration
}

func steps(lines ...string) []step {
	var list []step
	for _, line := range lines {
		words := strings.Split(line, " ")
		for i, w := range words {
			words[i] = strings.ReplaceAll(w, "_", " ")
		}
		s := step{args: words}
		if words[0] == "start" || words[0] == "kill" || words[0] == "run" {
			s.wait = 200 * time.Millisecond
		}
		list = append(list, s)
	}
	return list
}

// TestSame checks, for each step of a container's life, that a runtime's output, log and exit
// status are the same with berth in front of it.
func TestSame(t *testing.T) {
	missing := func(s *specs.Spec) { s.Process.Args = []string{"/nosuch"} }
	for name, c := range map[string]struct {
		script string
		edit   func(*specs.Spec)
		steps  []step
	}{
		"life": {"sleep 1000", nil, steps("create x", "exec x true", "start x", "exec x sh -c exit_7", "exec -e A=b --cwd /bin x sh -c echo_$A_$(pwd)",
			"exec x /nosuch", "pause x", "resume x", "update --pids-limit 77 x", "update --pids-limit=78 x", "kill x KILL", "kill x 9", "exec x true", "delete x")},
		"started twice":       {"sleep 1000", nil, steps("create x", "start x", "start x", "delete x", "delete --force x")},
		"ends by itself":      {"exit 3", nil, steps("create x", "start x", "start x", "kill x 0", "delete x")},
		"deleted when made":   {"sleep 1000", nil, steps("create x", "delete x", "delete --force x")},
		"run":                 {"echo out; echo err >&2; exit 9", nil, steps("run x", "run x", "delete --force x")},
		"run detached":        {"sleep 1000", nil, steps("run -d x", "ps -f json x", "kill --all x KILL", "delete x")},
		"not executable":      {"", missing, steps("create x", "create x", "run x", "run -d x", "delete --force x")},
		"wrong value":         {"sleep 1", nil, steps("create x", "update --memory nonsense x", "delete x")},
		"killed and signaled": {"trap 'exit 5' TERM; while :; do sleep 0.1; done", nil, steps("run -d x", "kill x", "delete x")},
	} {
		for _, runtime := range runtimes {
			for _, format := range []string{"text", "json"} {
				t.Run(strings.Join([]string{name, runtime, format}, "/"), func(t *testing.T) {
					edit := func(s *specs.Spec) {
						if c.edit != nil {
							c.edit(s)
						}
					}
					a := alone(t, runtime, filepath.Join(newRoot(t), "@"+runtime))
					b := throughBerth(t, runtime, newRoot(t))
					for _, side := range []**caller{&a, &b} {
						*side = (*side).with("--log-format", format)
						(*side).dir = newBundle(t, c.script, edit)
						if format == "json" {
							*side = (*side).with("--log", filepath.Join((*side).dir, "log"))
						}
					}
					for _, s := range c.steps {
						want, got := a.run(s.args...), b.run(s.args...)
						time.Sleep(s.wait)
						reap()
						if got.status != want.status || plain(got.stdout) != plain(want.stdout) || plain(got.stderr) != plain(want.stderr) {
							t.Errorf("%s:\n got %d %q %q\nwant %d %q %q", s.args, got.status, got.stdout, got.stderr, want.status, want.stdout, want.stderr)
						}
						if got, want := logged(b.dir), logged(a.dir); plain(got) != plain(want) {
							t.Errorf("%s: log %q, want %q", s.args, got, want)
						}
					}
				})
			}
		}
	}
}

// logged returns what a command has logged and empties the log.
func logged(dir string) string {
	data, _ := os.ReadFile(filepath.Join(dir, "log"))
	_ = os.Truncate(filepath.Join(dir, "log"), 0)
	return string(data)
}
