//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDebugLog checks that the debug log names each operation with its container and each call of
// an external program, and contains no secret from the environment.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	b := newBox(t, forever, func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "TOKEN=hush") })
	log := filepath.Join(filepath.Dir(b.root), "log")
	globals := []string{"--debug", "--log", log, "--log-format", "json"}
	b.createWith(b.command(append(globals, b.createArgs()...)...))
	b.start()
	b.awaitFile("started")
	for _, args := range [][]string{{"exec", "--env", "PASSWORD=hush", b.id, "true"}, {"kill", b.id, "KILL"}} {
		if o := b.berth(append(globals, args...)...); o.Status != 0 {
			t.Fatalf("%q: %+v", args, o)
		}
	}
	vmid := b.enclosureName()
	b.wait()
	if o := b.berth(append(globals, "delete", "--force", b.id)...); o.Status != 0 {
		t.Fatalf("delete: %+v", o)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hush") {
		t.Errorf("a secret is in the log:\n%s", data)
	}
	done := map[string]bool{}
	called := false
	for line := range strings.Lines(string(data)) {
		var entry struct {
			Msg, Operation, Container, Backend, VMID, Duration, Command string
			Status                                                      *int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch entry.Msg {
		case "done":
			done[entry.Operation] = true
			if entry.Container != b.id || entry.Backend != *backend || entry.Duration == "" || *backend == "pct" && entry.VMID != vmid {
				t.Errorf("not all is said: %s", line)
			}
		case "called":
			called = called || entry.Command != "" && entry.Duration != "" && entry.Status != nil
		}
	}
	for _, operation := range []string{"create", "exec", "kill", "delete"} {
		if !done[operation] {
			t.Errorf("nothing of %s in the log:\n%s", operation, data)
		}
	}
	if !called {
		t.Errorf("no call of an external program in the log:\n%s", data)
	}
}
