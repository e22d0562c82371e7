//go:build linux && testhost

package crun

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/integration/suite"
)

// TestPidFile checks that with each runtime the process in the pid file is an orphan for which the
// caller can wait, with its exit status.
func TestPidFile(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			b := throughBerth(t, runtime, newRoot(t))
			b.dir = newBundle(t, "exit 7")
			b.must("create", "--pid-file", "pid", "x")
			pid := pidOf(t, filepath.Join(b.dir, "pid"))
			b.must("start", "x")
			if status := suite.WaitFor(t, pid); status.ExitStatus() != 7 {
				t.Errorf("it ended with %#x", status)
			}
			b.must("delete", "x")
		})
	}
}

func pidOf(t *testing.T, path string) int {
	t.Helper()
	pid, err := suite.ReadPid(path)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestConsoleSocket checks that the terminal's master arrives at the console socket, from run and
// from exec.
func TestConsoleSocket(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			b := throughBerth(t, runtime, newRoot(t))
			b.dir = newBundle(t, "sleep 1000", func(s *specs.Spec) { s.Process.Terminal = true })
			l := suite.Listen(t)
			for _, args := range [][]string{
				{"run", "-d", "--console-socket", l.Path, "x"},
				{"exec", "-t", "-d", "--console-socket", l.Path, "x", "sh", "-c", "echo here; sleep 1000"},
			} {
				b.must(args...)
				if name := received(t, l); !strings.Contains(name, "ptmx") {
					t.Errorf("%s: got %q", args[0], name)
				}
			}
			b.must("kill", "x", "KILL")
			b.stopped("x")
			b.must("delete", "x")
		})
	}
}

// received returns the path of the terminal that is sent to a socket. The terminal stays open,
// because its end sends SIGHUP to the container's process.
func received(t *testing.T, l *suite.Socket) string {
	t.Helper()
	f, _ := l.Receive(t)
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestDescriptors checks that the process has exactly the descriptors that it has without berth.
func TestDescriptors(t *testing.T) {
	for name, c := range map[string]struct {
		files  int
		env    []string
		create []string
	}{
		"none asked for":     {2, nil, nil},
		"preserved":          {2, nil, []string{"--preserve-fds", "2"}},
		"one of two":         {2, nil, []string{"--preserve-fds", "1"}},
		"listening":          {1, []string{"LISTEN_FDS=1"}, nil},
		"listening, podman":  {1, []string{"LISTEN_FDS=1"}, []string{"--preserve-fds", "1"}},
		"listening and more": {3, []string{"LISTEN_FDS=1"}, []string{"--preserve-fds", "2"}},
		"missing":            {0, nil, []string{"--preserve-fds", "1"}},
	} {
		for _, runtime := range runtimes {
			t.Run(name+"/"+runtime, func(t *testing.T) {
				var results [2]suite.Outcome
				for i, call := range []*caller{alone(t, runtime, filepath.Join(newRoot(t), "@x")), throughBerth(t, runtime, newRoot(t))} {
					out := filepath.Join(t.TempDir(), "out")
					call.dir = newBundle(t, "for f in /proc/self/fd/*; do n=${f##*/}; [ $n -le 2 ] || readlink $f; done >/out/fds; echo L=$LISTEN_FDS >>/out/fds", bindOut(t, out))
					call.env = c.env
					for n := range c.files {
						f, err := os.Create(filepath.Join(out, "file"+strconv.Itoa(n)))
						if err != nil {
							t.Fatal(err)
						}
						defer f.Close()
						call.fds = append(call.fds, f)
					}
					r := call.run(append(append([]string{"run"}, c.create...), "x")...)
					data, _ := os.ReadFile(filepath.Join(out, "fds"))
					r.Stdout += strings.ReplaceAll(string(data), out, "OUT")
					results[i] = r
				}
				if results[0].Status != results[1].Status || results[0].Stdout != results[1].Stdout {
					t.Errorf("got %+v, alone %+v", results[1], results[0])
				}
			})
		}
	}
}

func bindOut(t *testing.T, dir string) func(*specs.Spec) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/out", Type: "bind", Source: dir, Options: []string{"bind", "rw"}})
	}
}

// TestState checks that state prints the runtime's fields and the backend.
func TestState(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			root := newRoot(t)
			b := throughBerth(t, runtime, root)
			b.dir = newBundle(t, "sleep 1000", func(s *specs.Spec) { s.Annotations = map[string]string{"a": "b"} })
			b.must("create", "x")
			var got, want map[string]any
			if err := json.Unmarshal([]byte(b.must("state", "x")), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(alone(t, runtime, filepath.Join(root, "@"+runtime)).must("state", "x")), &want); err != nil {
				t.Fatal(err)
			}
			if got["backend"] != runtime {
				t.Errorf("backend is %v", got["backend"])
			}
			for key, value := range want {
				if key == "created" {
					// Trailing zeros may be left out.
					value = strings.TrimRight(strings.TrimSuffix(value.(string), "Z"), "0") + "Z"
				}
				if value == "" {
					continue // berth may know more
				}
				if a, b := mustJSON(t, got[key]), mustJSON(t, value); a != b {
					t.Errorf("%s: got %s, want %s", key, a, b)
				}
			}
			b.must("delete", "x")
			suite.Reap()
		})
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
