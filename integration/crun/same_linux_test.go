//go:build linux && testhost

package crun

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
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

// step is a command and what the test waits for afterwards: the file /ready in the container's root,
// the state stopped, or nothing.
type step struct {
	args  []string
	until string
}

// steps reads commands. What comes after a " => " is waited for. "_" is a blank within a word.
func steps(lines ...string) []step {
	var list []step
	for _, line := range lines {
		line, until, _ := strings.Cut(line, " => ")
		words := strings.Split(line, " ")
		for i, w := range words {
			words[i] = strings.ReplaceAll(w, "_", " ")
		}
		list = append(list, step{words, until})
	}
	return list
}

// await waits for what a step says.
func (c *caller) await(until string) {
	c.Helper()
	switch until {
	case "ready":
		suite.Eventually(c.T, "/ready", func() bool {
			_, err := os.Stat(filepath.Join(c.dir, "rootfs/ready"))
			return err == nil
		})
	case "stopped":
		c.stopped("x")
	}
}

// TestSame checks, for each step of a container's life, that a runtime's output, log and exit
// status are the same with berth in front of it.
func TestSame(t *testing.T) {
	writable := func(s *specs.Spec) { s.Root.Readonly = false }
	missing := func(s *specs.Spec) { s.Process.Args = []string{"/nosuch"} }
	const sleeps = "touch /ready; exec sleep 1000"
	for name, c := range map[string]struct {
		script string
		edit   func(*specs.Spec)
		steps  []step
	}{
		"life": {sleeps, writable, steps("create x", "exec x true", "start x => ready", "exec x sh -c exit_7", "exec -e A=b --cwd /bin x sh -c echo_$A_$(pwd)",
			"exec x /nosuch", "pause x", "resume x", "update --pids-limit 77 x", "update --pids-limit=78 x", "kill x KILL => stopped", "kill x 9", "exec x true", "delete x")},
		"started twice":       {sleeps, writable, steps("create x", "start x => ready", "start x", "delete x", "delete --force x")},
		"ends by itself":      {"exit 3", writable, steps("create x", "start x => stopped", "start x", "kill x 0", "delete x")},
		"deleted when made":   {"sleep 1000", writable, steps("create x", "delete x", "delete --force x")},
		"run":                 {"echo out; echo err >&2; exit 9", writable, steps("run x", "run x", "delete --force x")},
		"run detached":        {sleeps, writable, steps("run -d x => ready", "ps -f json x", "kill --all x KILL => stopped", "delete x")},
		"not executable":      {"", missing, steps("create x", "create x", "run x", "run -d x", "delete --force x")},
		"wrong value":         {"sleep 1000", writable, steps("create x", "update --memory nonsense x", "delete x")},
		"killed and signaled": {"trap 'exit 5' TERM; touch /ready; while :; do sleep 0.1; done", writable, steps("run -d x => ready", "kill x => stopped", "delete x")},
	} {
		for _, runtime := range runtimes {
			for _, format := range []string{"text", "json"} {
				t.Run(strings.Join([]string{name, runtime, format}, "/"), func(t *testing.T) {
					a := alone(t, runtime, filepath.Join(newRoot(t), "@"+runtime))
					b := throughBerth(t, runtime, newRoot(t))
					for _, side := range []**caller{&a, &b} {
						*side = (*side).with("--log-format", format)
						(*side).dir = newBundle(t, c.script, c.edit)
						if format == "json" {
							*side = (*side).with("--log", filepath.Join((*side).dir, "log"))
						}
					}
					for _, s := range c.steps {
						want, got := a.run(s.args...), b.run(s.args...)
						suite.Reap()
						if got.Status != want.Status || plain(got.Stdout) != plain(want.Stdout) || plain(got.Stderr) != plain(want.Stderr) {
							t.Errorf("%s:\n got %d %q %q\nwant %d %q %q", s.args, got.Status, got.Stdout, got.Stderr, want.Status, want.Stdout, want.Stderr)
						}
						if got, want := logged(b.dir), logged(a.dir); plain(got) != plain(want) {
							t.Errorf("%s: log %q, want %q", s.args, got, want)
						}
						a.await(s.until)
						b.await(s.until)
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
