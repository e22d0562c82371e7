package pct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCalls checks the arguments of each call of pct.
func TestCalls(t *testing.T) {
	t.Parallel()
	n, f, u := int64(64), 1.5, uint64(100)
	log := filepath.Join(t.TempDir(), "args")
	path, _ := fakePct(t, fmt.Sprintf(`printf '%%s\0' "$@" >%s`, log))
	c := &Client{Path: path}
	hostile := "a b\n--force 1;$(id)'\""
	for name, tt := range map[string]struct {
		call func(context.Context) error
		want []string
	}{
		"start":           {func(ctx context.Context) error { return c.Start(ctx, 100) }, []string{"start", "100"}},
		"destroy":         {func(ctx context.Context) error { return c.Destroy(ctx, 100, false) }, []string{"destroy", "100"}},
		"destroy, forced": {func(ctx context.Context) error { return c.Destroy(ctx, 100, true) }, []string{"destroy", "100", "--force", "1"}},
		"unlock":          {func(ctx context.Context) error { return c.Unlock(ctx, 100) }, []string{"unlock", "100"}},
		"set": {func(ctx context.Context) error {
			return c.Set(ctx, &SetOptions{VMID: 100, Memory: &n, Swap: &n, CPULimit: &f, CPUUnits: &u})
		}, []string{"set", "100", "--memory", "64", "--swap", "64", "--cpulimit", "1.5", "--cpuunits", "100"}},
		"create": {func(ctx context.Context) error {
			return c.Create(ctx, &CreateOptions{VMID: 100, Template: "/t", Hostname: "h", Description: hostile, Unprivileged: true, CPUUnits: 5})
		}, []string{"create", "100", "/t", "--rootfs", "", "--ostype", "unmanaged", "--unprivileged", "1", "--arch", "", "--hostname", "h",
			"--description", hostile, "--memory", "0", "--swap", "0", "--cmode", "shell", "--cpuunits", "5"}},
	} {
		if err := tt.call(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		data, err := os.ReadFile(log)
		if got := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q (%v)", name, got, tt.want, err)
		}
	}
}

// TestCallsEnvironment checks what pct gets of berth: nothing of its environment but PATH, a session
// of its own, and the container's lock.
func TestCallsEnvironment(t *testing.T) {
	t.Setenv("PERL5LIB", "/tmp")
	out := filepath.Join(t.TempDir(), "out")
	path, _ := fakePct(t, fmt.Sprintf("{ env -u _ -u PWD -u n; cat /proc/self/stat; [ -e /proc/self/fd/3 ] && echo lock; } >%s", out))
	lock, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := (&Client{Path: path, Lock: lock}).Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	slices.Sort(lines)
	var session string
	lines = slices.DeleteFunc(lines, func(l string) bool {
		_, stat, is := strings.Cut(l, "(cat) ")
		if is {
			session = strings.Fields(stat)[3]
		}
		return is
	})
	want := []string{"HOME=/root", "LC_ALL=C", "LOGNAME=root", "PATH=" + os.Getenv("PATH"), "USER=root", "lock"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	own, err := unix.Getsid(0)
	if err != nil || session == "" || session == fmt.Sprint(own) {
		t.Errorf("session %q, and berth's is %d (%v)", session, own, err)
	}
}

// TestCreateIsNotInterrupted checks that a pct create goes on when the caller gives up, so that no
// CT without a description is left, and that the caller hears of it.
func TestCreateIsNotInterrupted(t *testing.T) {
	t.Parallel()
	done := filepath.Join(t.TempDir(), "done")
	path, calls := fakePct(t, "echo x >"+done)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&Client{Path: path}).Create(ctx, &CreateOptions{VMID: 1})
	if _, statErr := os.Stat(done); !errors.Is(err, context.Canceled) || statErr != nil || calls() != 1 {
		t.Errorf("%v after %d calls (%v)", err, calls(), statErr)
	}
	if err := (&Client{Path: path}).Start(ctx, 1); err == nil || calls() != 1 {
		t.Errorf("start was called all the same: %v, %d calls", err, calls())
	}
}

// TestVersions checks which tools are named, with their versions.
func TestVersions(t *testing.T) {
	dir := fakeLXC(t)
	path, _ := fakePct(t, "")
	e := &Enclosure{settings: Settings{Path: path}}
	tools, err := e.Versions()
	var got []string
	for _, tool := range tools {
		got = append(got, tool.String())
	}
	want := []string{"pct (" + path + ")", "pve-manager 9.1.1 (" + dir + "/pveversion)", "lxc-start 5.0.2 (" + dir + "/lxc-start)"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	t.Setenv("PATH", t.TempDir())
	if tools, err := e.Versions(); len(tools) != 1 || err == nil || !strings.Contains(err.Error(), "lxc-start") {
		t.Errorf("without LXC: %v, %v", tools, err)
	}
	if tools, err := (&Enclosure{}).Versions(); len(tools) != 0 || err == nil || !strings.Contains(err.Error(), adviceNoPct) {
		t.Errorf("without pct: %v, %v", tools, err)
	}
}
