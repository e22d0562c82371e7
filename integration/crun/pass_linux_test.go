//go:build linux && testhost

package crun

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
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
			var status unix.WaitStatus
			if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 7 {
				t.Errorf("wait for %d: status %d, %v", pid, status.ExitStatus(), err)
			}
			b.must("delete", "x")
		})
	}
}

func pidOf(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
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
			path := filepath.Join(b.dir, "s")
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			for _, args := range [][]string{
				{"run", "-d", "--console-socket", path, "x"},
				{"exec", "-t", "-d", "--console-socket", path, "x", "sh", "-c", "echo here; sleep 1000"},
			} {
				b.must(args...)
				if name := receiveTerminal(t, l); !strings.Contains(name, "ptmx") {
					t.Errorf("%s: got %q", args[0], name)
				}
			}
			b.must("kill", "x", "KILL")
			b.stopped("x")
			b.must("delete", "x")
		})
	}
}

// receiveTerminal returns the target of the received descriptor's /proc link. The descriptor stays
// open until the test ends.
func receiveTerminal(t *testing.T, l *net.UnixListener) string {
	t.Helper()
	if err := l.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 4096), oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatal(fds, err)
	}
	// Closing it sends SIGHUP to the container's process.
	t.Cleanup(func() { _ = unix.Close(fds[0]) })
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fds[0]))
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
				var results [2]result
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
					r.stdout += strings.ReplaceAll(string(data), out, "OUT")
					results[i] = r
				}
				if results[0].status != results[1].status || results[0].stdout != results[1].stdout {
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
			reap()
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
