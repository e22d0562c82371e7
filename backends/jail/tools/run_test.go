package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/executable"
)

// TestFind checks what counts as a tool, and the order of the directories.
func TestFind(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	for path, mode := range map[string]os.FileMode{
		filepath.Join(first, "both"): 0o755, filepath.Join(second, "both"): 0o755, filepath.Join(second, "second"): 0o700,
		filepath.Join(first, "text"): 0o644, filepath.Join(first, "later"): 0o600, filepath.Join(second, "later"): 0o711,
	} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(first, "second"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &Box{Dirs: []string{"/nowhere", first, second}}
	for name, want := range map[string]string{
		"both": first, "second": second, "later": second, "text": "", "none": "",
	} {
		got, err := b.Find(name)
		if want == "" {
			if got != "" || !errors.Is(err, ErrMissing) || !strings.HasPrefix(err.Error(), name+" is missing on this host (looked in /nowhere, "+first) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if got != filepath.Join(want, name) || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	// A directory that cannot be looked into may have the tool that is meant.
	b.Dirs = []string{filepath.Join(first, "text"), second}
	if got, err := b.Find("both"); got != "" || err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := b.Run(context.Background(), Command{"none"}); err == nil {
		t.Error("a tool that is not there runs")
	}
}

// TestRun checks what a tool gets, and what is made of its end.
func TestRun(t *testing.T) {
	t.Parallel()
	lock, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	for name, c := range map[string]struct {
		script string
		lock   *os.File
		want   string
		status int // of a failure, 0 for none
		said   string
	}{
		"arguments":       {script: `echo "$#: $1|$2"; read line || echo no input`, want: "2: a b|\nno input\n"},
		"locale":          {script: "echo $LC_ALL", want: "C\n"},
		"no lock":         {script: "test -e /dev/fd/3 || echo none", want: "none\n"},
		"lock":            {script: "test -d /dev/fd/3/ && echo held", lock: lock, want: "held\n"},
		"stderr is lost":  {script: "echo a warning >&2; echo fine", want: "fine\n"},
		"a failure":       {script: "echo some; echo ' it failed ' >&2; echo >&2; exit 7", want: "some\n", status: 7, said: "it failed"},
		"nothing is said": {script: "exit 1", status: 1},
		"a signal":        {script: "kill -9 $$", status: -1},
		"much":            {script: "i=0; while test $i -lt 2000; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; i=$((i+1)); done", want: strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\n", 2000)[:said]},
		"much is said":    {script: "i=0; while test $i -lt 2000; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; i=$((i+1)); done >&2; exit 1", status: 1, said: strings.TrimSpace(strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\n", 2000)[:said])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := box(t, "tool", c.script)
			b.Lock = c.lock
			out, err := b.Run(context.Background(), Command{"tool", "a b", ""})
			if out != c.want {
				t.Errorf("%d bytes %.200q, want %d %.200q", len(out), out, len(c.want), c.want)
			}
			failed := new(Error)
			switch {
			case c.status == 0:
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &failed), failed.Status != c.status, failed.Said != c.said, failed.Unwrap() == nil:
				t.Errorf("%.200v, want status %d and %.200q", err, c.status, c.said)
			case !strings.HasPrefix(err.Error(), "tool a b : "+c.said):
				t.Errorf("%.200v", err)
			}
		})
	}
}

// TestRunEnds checks that a caller who gives up need not wait for the tool, nor for what the tool
// has left running.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	b := box(t, "tool", "echo $$ >\"$1\"; exec sleep 1000")
	pid := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := b.Run(ctx, Command{"tool", pid})
		done <- err
	}()
	var text []byte
	for deadline := time.Now().Add(time.Minute); !strings.HasSuffix(string(text), "\n") && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, _ = os.ReadFile(pid)
	}
	cancel()
	failed := new(Error)
	if err := <-done; !errors.As(err, &failed) || failed.Status != -1 {
		t.Errorf("%v", err)
	}
	var n int
	if _, err := fmt.Sscan(string(text), &n); err != nil || !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
		t.Errorf("process %d lives, %v", n, err)
	}
}

// TestOutputs checks outputs that no tool prints, or that only other versions print.
func TestOutputs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		tool, output string
		ask          func(b *Box) (any, error)
		want         string // the result, or the end of the error
	}{
		{"jail", "0", func(b *Box) (any, error) { return b.Create(ctx, nil) }, `jail -i printed "0\n" instead of a jid`},
		{"jail", "-3", func(b *Box) (any, error) { return b.Create(ctx, nil) }, `jail -i printed "-3\n" instead of a jid`},
		{"jail", "", func(b *Box) (any, error) { return b.Create(ctx, nil) }, `jail -i printed "\n" instead of a jid`},
		{"jail", "1 2", func(b *Box) (any, error) { return b.Create(ctx, nil) }, `jail -i printed "1 2\n" instead of a jid`},
		{"jls", "3", func(b *Box) (any, error) { _, path, err := b.Jail(ctx, "x"); return path, err }, ""},
		{"jls", "3 /a  b ", func(b *Box) (any, error) { _, path, err := b.Jail(ctx, "x"); return path, err }, "/a  b "},
		{"jls", "x /a", func(b *Box) (any, error) { jid, _, err := b.Jail(ctx, "x"); return jid, err }, `jls printed "x /a\n" instead of a jid and a path`},
		{"jls", "-1 /a", func(b *Box) (any, error) { jid, _, err := b.Jail(ctx, "x"); return jid, err }, `jls printed "-1 /a\n" instead of a jid and a path`},
		{"jls", "true maybe", func(b *Box) (any, error) { return b.Numbers(ctx, "x", "a", "b") }, `jls printed "maybe" for b`},
		{"jls", "1 2 3", func(b *Box) (any, error) { return b.Numbers(ctx, "x", "a", "b") }, `jls printed "1 2 3\n" instead of a, b`},
		{"ps", "12 0", func(b *Box) (any, error) { return b.Pids(ctx, 1) }, `ps printed "0" instead of a pid`},
		{"ps", "12 -5", func(b *Box) (any, error) { return b.Pids(ctx, 1) }, `ps printed "-5" instead of a pid`},
		{"ps", "PID 12", func(b *Box) (any, error) { return b.Pids(ctx, 1) }, `ps printed "PID" instead of a pid`},
		{"rctl", "maxproc", func(b *Box) (any, error) { return b.Usage(ctx, "x") }, `rctl -u printed "maxproc\n" instead of resource=amount`},
		{"rctl", "maxproc=-1", func(b *Box) (any, error) { return b.Usage(ctx, "x") }, `rctl -u printed "maxproc=-1\n" instead of resource=amount`},
		{"rctl", "maxproc=1=2", func(b *Box) (any, error) { return b.Usage(ctx, "x") }, `rctl -u printed "maxproc=1=2\n" instead of resource=amount`},
		{"rctl", "vmemoryuse=18446744073709551615", func(b *Box) (any, error) { return b.Usage(ctx, "x") }, "map[vmemoryuse:18446744073709551615]"},
	} {
		dir := t.TempDir()
		if err := executable.Write(filepath.Join(dir, c.tool), []byte("#!/bin/sh\necho '"+c.output+"'\n")); err != nil {
			t.Fatal(err)
		}
		got, err := c.ask(&Box{Dirs: []string{dir}})
		if err != nil && err.Error() != c.want || err == nil && fmt.Sprint(got) != c.want {
			t.Errorf("%s prints %q: %v, %v, want %s", c.tool, c.output, got, err, c.want)
		}
	}
	// A jail that has gone is told by what jls says, in any state of it.
	b := box(t, "jls", `echo 'jls: jail "x" not found' >&2; exit 1`)
	for name, ask := range map[string]func() error{
		"Jail":    func() error { _, _, err := b.Jail(ctx, "x"); return err },
		"Numbers": func() error { _, err := b.Numbers(ctx, "x", "a"); return err },
	} {
		if err := ask(); !errors.Is(err, ErrNoJail) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b = box(t, "jls", `echo 'jls: unknown parameter: children.cur' >&2; exit 1`)
	if _, err := b.Numbers(ctx, "x", "children.cur"); err == nil || errors.Is(err, ErrNoJail) {
		t.Errorf("an unknown parameter: %v", err)
	}
}
