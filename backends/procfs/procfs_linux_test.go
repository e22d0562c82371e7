package procfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// made returns a directory in the form of a procfs, with one process, 7.
func made(t *testing.T, files map[string]string) Dir {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, "7", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Dir(dir)
}

func TestStat(t *testing.T) {
	t.Parallel()
	const rest = " 1 1 0 0 4194564 0 0 0 0 0 0 0 0 0 0 1 0 990 0"
	for text, want := range map[string]Stat{
		"7 (sh) S 1" + rest:               {'S', 1, true, 990},
		"7 (a) Z 1\n(b) T 5" + rest:       {'T', 5, true, 990},
		"7 (sh) S 1":                      {},
		"7 sh S 1" + rest:                 {},
		"7 (sh) SS 1" + rest:              {},
		"7 (sh) S x" + rest:               {},
		strings.Repeat("7 (sh) S 1 ", 20): {},
		"":                                {},
	} {
		got, err := made(t, map[string]string{"stat": text}).Stat(7)
		if got != want || (err == nil) != (want != Stat{}) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	if got, err := Proc.Stat(os.Getpid()); err != nil || got.Parent != os.Getppid() || got.StartTime == 0 {
		t.Errorf("itself: %+v, %v", got, err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	d := made(t, map[string]string{
		"cmdline": "a\x00b c\x00\x00", "cgroup": "1:name=x:/y\n0::/a b\n",
		"fdinfo/0": "pos:\t0\n", "fdinfo/3": "pos:\t0\nPid:\t12\nNSpid:\t12\t1\n", "fdinfo/4": "Pid:\t-1\n", "fdinfo/5": "Pid:\t0\n",
	})
	if args, err := d.CommandLine(7); err != nil || !slices.Equal(args, []string{"a", "b c", ""}) {
		t.Errorf("%q, %v", args, err)
	}
	if path, err := d.Cgroup(7); err != nil || path != "/a b" {
		t.Errorf("%q, %v", path, err)
	}
	if pids, err := d.Watched(7); err != nil || !slices.Equal(pids, []int{12}) {
		t.Errorf("%v, %v", pids, err)
	}
	if args, err := made(t, map[string]string{"cmdline": ""}).CommandLine(7); err != nil || args != nil {
		t.Errorf("a kernel thread: %q, %v", args, err)
	}
	if path, err := made(t, map[string]string{"cgroup": "1:name=x:/y\n"}).Cgroup(7); err == nil {
		t.Errorf("no cgroup v2: %q", path)
	}
	for name, err := range map[string]error{
		"cmdline": func() error { _, err := d.CommandLine(8); return err }(),
		"cgroup":  func() error { _, err := d.Cgroup(8); return err }(),
		"fdinfo":  func() error { _, err := d.Watched(8); return err }(),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of no process: %v", name, err)
		}
	}
}
