package cgroup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	ocgroups "github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/cgroups"
)

func TestMain(m *testing.M) { cgroups.Main(m) }

// opened makes a cgroup and opens it.
func opened(t *testing.T) *Group {
	t.Helper()
	return open(t, cgroups.New(t))
}

func open(t *testing.T, path string) *Group {
	t.Helper()
	g, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// sleeper starts a process in a cgroup. It ends with the test.
func sleeper(t *testing.T, g *Group) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.Fd()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// replaced opens a cgroup, removes it, and makes and opens another one of the same path.
func replaced(t *testing.T) (old, now *Group) {
	t.Helper()
	old = opened(t)
	if err := old.Remove(); err != nil {
		t.Fatal(err)
	}
	now, err := Make(old.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { now.Close() })
	if old.Exists() || !now.Exists() || old.ID() == now.ID() {
		t.Fatalf("%s exists: %t, then %t", old.Path(), old.Exists(), now.Exists())
	}
	return old, now
}

// TestAnother checks that nothing done to a removed cgroup reaches another one of the same path.
func TestAnother(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const depth = "cgroup.max.depth"
	limits := &ocgroups.Resources{SkipDevices: true, Unified: map[string]string{depth: "7"}}
	bystander := sleeper(t, opened(t))
	policy := &ocgroups.Resources{Devices: []*devices.Rule{{Type: 'a', Major: -1, Minor: -1, Permissions: "rwm"}}}
	for name, c := range map[string]struct {
		do    func(old *Group) error
		fails bool
	}{
		"kill":      {func(g *Group) error { return g.Kill() }, false},
		"freeze":    {func(g *Group) error { return g.Freeze(ctx) }, true},
		"thaw":      {func(g *Group) error { return g.Thaw() }, false},
		"frozen":    {func(g *Group) error { is, err := g.Frozen(); return cmpFrozen(is, err) }, false},
		"remove":    {func(g *Group) error { return g.Remove() }, false},
		"withdraw":  {func(g *Group) error { return g.Withdraw(patience) }, false},
		"rmdir":     {func(g *Group) error { return g.rmdir() }, false},
		"own":       {func(g *Group) error { return g.Own(12345) }, false},
		"enter":     {func(g *Group) error { return g.Enter(bystander.Process.Pid) }, true},
		"limit":     {func(g *Group) error { return g.Limit(limits) }, true},
		"inner":     {func(g *Group) error { return g.LimitInner(limits) }, true},
		"devices":   {func(g *Group) error { return g.Limit(policy) }, true},
		"stats":     {func(g *Group) error { _, err := g.Stats(); return err }, true},
		"watch":     {func(g *Group) error { return g.WatchOOM(ctx, func() {}) }, true},
		"open":      {func(g *Group) error { _, err := g.Open(g.Path()); return err }, false},
		"open file": {func(g *Group) error { _, err := g.read(procsFile); return err }, true},
		"open below": {func(g *Group) error {
			below, err := g.Open(g.Path() + "/sub")
			if err == nil {
				below.Close()
			}
			return err
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, now := replaced(t)
			sub, err := Make(now.Path() + "/sub")
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close()
			process := sleeper(t, sub)
			before := seen(t, now)
			if name == "thaw" {
				if err := now.Write(freezeFile, "1"); err != nil {
					t.Fatal(err)
				}
				before = seen(t, now)
			}
			if err := c.do(old); (err != nil) != c.fails {
				t.Errorf("done to the removed cgroup: %v", err)
			}
			if pids, err := old.Processes(); err != nil || len(pids) > 0 {
				t.Errorf("the removed cgroup has the processes %v, %v", pids, err)
			}
			if old.Holds(process.Process.Pid) {
				t.Error("the removed cgroup holds a process of the other one")
			}
			if !now.Exists() || !sub.Exists() {
				t.Fatal("the other cgroup was removed")
			}
			if after := seen(t, now); after != before {
				t.Errorf("the other cgroup is %+v, and was %+v", after, before)
			}
			if pids, err := now.Processes(); err != nil || !slices.Equal(pids, []int{process.Process.Pid}) {
				t.Errorf("the other cgroup has the processes %v, %v", pids, err)
			}
			if err := errors.Join(now.Thaw(), process.Process.Signal(unix.SIGTERM)); err != nil {
				t.Fatal(err)
			}
			_ = process.Wait()
			if status := process.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGTERM {
				t.Errorf("the process in the other cgroup ended with status %#x", status)
			}
		})
	}
}

func cmpFrozen(is bool, err error) error {
	if is {
		return errors.New("it is frozen")
	}
	return err
}

// look is what a test compares of a cgroup.
type look struct {
	depth, freeze string
	uid           uint32
}

func seen(t *testing.T, g *Group) look {
	t.Helper()
	var l look
	for file, to := range map[string]*string{"cgroup.max.depth": &l.depth, freezeFile: &l.freeze} {
		data, err := g.read(file)
		if err != nil {
			t.Fatal(err)
		}
		*to = strings.TrimSpace(string(data))
	}
	var st unix.Stat_t
	if err := unix.Fstat(g.Fd(), &st); err != nil {
		t.Fatal(err)
	}
	l.uid = st.Uid
	return l
}

func TestOpen(t *testing.T) {
	t.Parallel()
	g := opened(t)
	again, err := OpenID(g.Path(), g.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.ID() != g.ID() || again.Path() != g.Path() {
		t.Errorf("opened %s, %d", again.Path(), again.ID())
	}
	root := open(t, "/")
	for name, f := range map[string]func() (*Group, error){
		"missing":       func() (*Group, error) { return Open(g.Path() + "/nosuch") },
		"another ID":    func() (*Group, error) { return OpenID(g.Path(), g.ID()+1) },
		"no ID":         func() (*Group, error) { return OpenID(g.Path(), 0) },
		"root":          func() (*Group, error) { return OpenID("/", root.ID()) },
		"no path":       func() (*Group, error) { return OpenID("", root.ID()) },
		"missing below": func() (*Group, error) { return g.Open(g.Path() + "/nosuch") },
	} {
		if _, err := f(); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []string{"/", path.Dir(g.Path()), g.Path() + "x", g.Path() + "/../x", "relative"} {
		if _, err := g.Open(at); err == nil || !strings.Contains(err.Error(), "not below") {
			t.Errorf("%s in %s: %v", at, g.Path(), err)
		}
	}
	if _, err := Open(g.Path() + "/" + procsFile); err == nil {
		t.Error("a file is opened as a cgroup")
	}
}

func TestOpenOf(t *testing.T) {
	t.Parallel()
	g := opened(t)
	cmd := sleeper(t, g)
	of, err := OpenOf(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	if of.ID() != g.ID() || !g.Holds(cmd.Process.Pid) || g.Holds(os.Getpid()) {
		t.Errorf("the process is in %s", of.Path())
	}
	sub, err := Make(g.Path() + "/sub")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := sub.Enter(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if !g.Holds(cmd.Process.Pid) || !sub.Holds(cmd.Process.Pid) {
		t.Error("the process is in no cgroup")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := OpenOf(cmd.Process.Pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a process that has ended: %v", err)
	}
}

// TestRemove checks that a whole tree is removed, with processes in it, even if its paths are
// longer than a path may be.
func TestRemove(t *testing.T) {
	t.Parallel()
	g := opened(t)
	sleeper(t, g)
	at := open(t, g.Path())
	for range 20 { // 20*250 > PATH_MAX
		name := strings.Repeat("d", 250)
		if err := unix.Mkdirat(at.Fd(), name, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := at.Open(path.Join(at.Path(), name))
		if err != nil {
			t.Fatal(err)
		}
		defer below.Close()
		at = below
	}
	process := sleeper(t, at)
	if pids, err := g.Processes(); err != nil || len(pids) != 2 || pids[1] != process.Process.Pid {
		t.Errorf("processes %v, %v", pids, err)
	}
	if err := g.removeTree(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("with processes: %v", err)
	}
	for range 2 {
		if err := g.Remove(); err != nil || g.Exists() {
			t.Errorf("%v, exists: %t", err, g.Exists())
		}
	}
	if err := Remove(g.Path()); err != nil {
		t.Errorf("a missing cgroup: %v", err)
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	g := opened(t)
	sleeper(t, g)
	frozen := func(want bool) {
		t.Helper()
		if is, err := g.Frozen(); err != nil || is != want {
			t.Errorf("frozen: %t, %v", is, err)
		}
	}
	frozen(false)
	if err := g.Freeze(context.Background()); err != nil {
		t.Fatal(err)
	}
	frozen(true)
	if err := g.Thaw(); err != nil {
		t.Fatal(err)
	}
	frozen(false)
}

// TestProcessesOfThreads checks that processes whose threads are in a threaded cgroup are found
// once.
func TestProcessesOfThreads(t *testing.T) {
	t.Parallel()
	g := opened(t)
	cmd := sleeper(t, g)
	sub, err := Make(g.Path() + "/threads")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := sub.Write("cgroup.type", "threaded"); err != nil {
		t.Fatal(err)
	}
	if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("processes %v, %v", pids, err)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	g := opened(t)
	if err := g.Limit(&ocgroups.Resources{SkipDevices: true, Unified: map[string]string{"cgroup.max.depth": "3"}}); err != nil {
		t.Fatal(err)
	}
	if depth := seen(t, g).depth; depth != "3" {
		t.Errorf("limited to %s", depth)
	}
	if err := g.Limit(&ocgroups.Resources{Devices: []*devices.Rule{{Type: 'c', Major: 1, Minor: 3, Permissions: "rwm", Allow: true}}}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat", "/dev/null", "/dev/zero")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.Fd()}
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "/dev/null") || !strings.Contains(string(out), "/dev/zero") {
		t.Errorf("reading devices: %s, %v", out, err)
	}
	err := g.Limit(&ocgroups.Resources{SkipDevices: true, Unified: map[string]string{"cgroup.max.depth": "many"}})
	at := filepath.Join(Mount, g.Path(), "cgroup.max.depth")
	if err == nil || !strings.HasPrefix(err.Error(), `linux.resources.unified["cgroup.max.depth"]: apply to cgroup `+g.Path()+": ") ||
		!strings.Contains(err.Error(), at) || strings.Contains(err.Error(), "/proc/") || !errors.Is(err, unix.EINVAL) {
		t.Errorf("error %v, want one about %s", err, at)
	}
	if s, err := g.Stats(); err != nil || s.Pids.Current != 0 {
		t.Errorf("stats %+v, %v", s, err)
	}
}

func TestOwn(t *testing.T) {
	t.Parallel()
	g := opened(t)
	if err := g.Own(1234); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint32{"": 1234, procsFile: 1234, "cgroup.subtree_control": 1234, "cgroup.max.depth": 0} {
		info, err := os.Stat(g.file(name))
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != want {
			t.Errorf("%q belongs to %d, want %d", name, uid, want)
		}
	}
}

// TestWatchOOM checks that a watch ends with the last process, and with its context.
func TestWatchOOM(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(cmd *exec.Cmd, cancel func()){
		"context":   func(_ *exec.Cmd, cancel func()) { cancel() },
		"processes": func(cmd *exec.Cmd, _ func()) { _ = cmd.Process.Kill(); _ = cmd.Wait() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := opened(t)
			cmd := sleeper(t, g)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- g.WatchOOM(ctx, func() { t.Error("a kill") }) }()
			end(cmd, cancel)
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the watch does not end")
			}
		})
	}
}
