package lxcconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func logLine(level, function, text string) string {
	return fmt.Sprintf("lxc-start c 20261122101112.123 %-8s start - ../src/lxc/start.c:%s:1780 - %s\n", level, function, text)
}

func errLine(name, function, text string) string {
	return fmt.Sprintf("lxc-start: %s../src/lxc/start.c: %s: 1780 %s\n", name, function, text)
}

// TestSaid checks what of LXC's log and stderr a person sees.
func TestSaid(t *testing.T) {
	t.Parallel()
	follows := errLine("c: ", "sync_wait", "An error occurred in another process") +
		errLine("c: ", "__lxc_start", `Failed to spawn container "c"`) + errLine("c: ", "lxc_start_main", "The container failed to start")
	for name, c := range map[string]struct{ log, stderr, want string }{
		"the log": {logLine("ERROR", "lxc_spawn", "No such file or directory - Failed to open /proc/1/ns/pid") +
			logLine("INFO", "x", "noise") + logLine("WARN", "x", "noise") + logLine("ERROR", "y", "second"), "",
			"No such file or directory - Failed to open /proc/1/ns/pid; second"},
		"the log goes first":     {logLine("ERROR", "a", "one"), errLine("c: ", "b", "two"), "one"},
		"stderr":                 {"", errLine("c: ", "start", `Permission denied - Failed to exec "./x"`) + follows, `Permission denied - Failed to exec "./x"`},
		"stderr, without a name": {"", errLine("", "lxc_mkdir_p", "Failed to create directory") + "\n", "Failed to create directory"},
		"a log without errors":   {logLine("INFO", "a", "noise"), errLine("c: ", "b", "two"), "two"},
		"not by LXC":             {"", strings.Repeat(" ", 1024) + "this is OCI container a of berth\n\n", "this is OCI container a of berth"},
		"by the dynamic linker":  {"", "lxc-start: error while loading shared libraries: liblxc.so.1\n", "lxc-start: error while loading shared libraries: liblxc.so.1"},
		"nothing but what follows": {"", follows + errLine("c: ", "sync_wait", "fourth"),
			`An error occurred in another process; Failed to spawn container "c"; The container failed to start`},
		"three are enough": {logLine("ERROR", "a", "1") + logLine("ERROR", "a", "2") + logLine("ERROR", "a", "3") + logLine("ERROR", "a", "4"), "", "1; 2; 3"},
		"no end of line":   {"", strings.TrimSpace(errLine("c: ", "a", "cut")), "cut"},
		"nothing":          {"", "", ""},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"log": c.log, "stderr": c.stderr} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := Said(dir+"/log", dir+"/stderr"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := Said(dir+"/none", dir+"/nothing"); got != "" {
			t.Errorf("of no file: %q", got)
		}
	}
}

// TestSaidIsShort checks that a long message is cut, and that a log of any size is read in bounds.
func TestSaidIsShort(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	for name, text := range map[string]string{
		"long message": logLine("ERROR", "a", strings.Repeat("x", 10_000)),
		"many lines":   logLine("ERROR", "a", "x") + strings.Repeat(logLine("INFO", "a", "x"), 100_000),
	} {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Said(log, ""); !strings.HasPrefix(got, "x") || len(got) > maxReason+len("…") {
			t.Errorf("%s: %d bytes, %.50q", name, len(got), got)
		}
	}
}
