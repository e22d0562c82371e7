//go:build unix

package hooks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestStateArgsAndEnvironment(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	script := `{ cat; echo; echo "$0 $1 $A"; } >>` + out
	list := []specs.Hook{
		{Path: "/bin/sh", Args: []string{"sh", "-c", script, "zero", "one"}, Env: []string{"A=b c"}},
		{Path: "/bin/sh", Args: []string{"sh", "-c", script, "second", "x"}, Env: []string{}},
	}
	state := specs.State{Version: "1.0.2", ID: "c1", Status: specs.StateCreating, Pid: 7, Bundle: "/b"}
	if err := Run(context.Background(), How{}, "createRuntime", list, state); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 4 || lines[1] != "zero one b c" || lines[3] != "second x" && lines[3] != "second x " {
		t.Fatalf("hooks wrote %q", lines)
	}
	var got specs.State
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || got.ID != "c1" || got.Pid != 7 || got.Status != specs.StateCreating {
		t.Errorf("state on stdin: %s (%v)", lines[0], err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	one := 1
	mark := filepath.Join(t.TempDir(), "mark")
	for name, c := range map[string]struct {
		hook specs.Hook
		want []string
	}{
		"status":  {specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo reason >&2; exit 3"}}, []string{"hooks.prestart[0] (/bin/sh)", "exit status 3", "reason"}},
		"missing": {specs.Hook{Path: "/nonexistent/hook"}, []string{"hooks.prestart[0]", "no such file or directory"}},
		"timeout": {specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "exec sleep 30"}, Timeout: &one}, []string{"hook ran past its timeout of 1 s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			err := Run(context.Background(), How{}, "prestart", []specs.Hook{c.hook, {Path: "/bin/touch", Args: []string{"touch", mark}}}, specs.State{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in %q", w, err)
				}
			}
			if time.Since(begin) > 20*time.Second {
				t.Error("it waited for the hook's end")
			}
			if _, err := os.Stat(mark); err == nil {
				t.Error("the hook after the failed one ran")
			}
		})
	}
}

// TestDaemonLeftBehind checks that a hook may leave behind a daemon that keeps its output open.
func TestDaemonLeftBehind(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	list := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "sleep 60 & echo $! >" + pidFile}}}
	begin := time.Now()
	if err := Run(context.Background(), How{}, "poststart", list, specs.State{}); err != nil {
		t.Fatal(err)
	}
	if time.Since(begin) > 30*time.Second {
		t.Error("it waited for the daemon")
	}
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon is gone: %v", err)
	}
}
