package container

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/integration/cgroups"
)

func TestMain(m *testing.M) { cgroups.Main(m) }

// box is a container whose record names a cgroup.
type box struct {
	*backends.Container
	group   *cgroup.Group
	process *exec.Cmd
}

// newBox records a container with a process, which is not in the container's cgroup.
func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{group: made(t, cgroups.New(t)), process: sleeper(t, nil)}
	p, err := backends.FindProcess(b.process.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	b.Container = &backends.Container{ID: "box", Root: t.TempDir(), Process: p, Complete: true}
	b.Dir = filepath.Join(b.Root, b.ID)
	if err := os.Mkdir(b.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := enclosure.Data{Name: "box", Cgroup: b.group.Path(), Limits: b.group.Path(), LimitsID: b.group.ID(), SharedPIDs: true, Monitor: p}
	if err := d.PutInto(b.Container); err != nil {
		t.Fatal(err)
	}
	k := savedconfig.Config{Process: &specs.Process{}, Linux: &specs.Linux{}}
	if err := k.Write(b.Container); err != nil {
		t.Fatal(err)
	}
	return b
}

func made(t *testing.T, path string) *cgroup.Group {
	t.Helper()
	g, err := cgroup.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// sleeper starts a process, in g if that is not nil. It ends with the test.
func sleeper(t *testing.T, g *cgroup.Group) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if g != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.Fd()}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// other is a cgroup that has a container's path but is not the container's, with a process in it.
type other struct {
	group   *cgroup.Group
	process *exec.Cmd
}

// replace removes a container's cgroup and makes another one of its path.
func (b *box) replace(t *testing.T) other {
	t.Helper()
	if err := b.group.Remove(); err != nil {
		t.Fatal(err)
	}
	g := made(t, b.group.Path())
	return other{g, sleeper(t, g)}
}

// untouched checks that the cgroup has its process, that nobody has signalled the process, and that
// the cgroup is frozen if it should be.
func (o other) untouched(t *testing.T, frozen bool) {
	t.Helper()
	if !o.group.Exists() {
		t.Fatal("the other cgroup was removed")
	}
	if is, err := o.group.Frozen(); err != nil || is != frozen {
		t.Errorf("the other cgroup is frozen: %t, %v", is, err)
	}
	if depth, err := os.ReadFile(filepath.Join(cgroup.Mount, o.group.Path(), maxDepth)); err != nil || strings.TrimSpace(string(depth)) != "max" {
		t.Errorf("the other cgroup's limit is %s, %v", depth, err)
	}
	if err := errors.Join(o.group.Thaw(), o.process.Process.Signal(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	_ = o.process.Wait()
	if status := o.process.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGTERM {
		t.Errorf("the other cgroup's process ended with status %#x", status)
	}
}

const maxDepth = "cgroup.max.depth"

var limited = &specs.LinuxResources{Unified: map[string]string{maxDepth: "7"}}

// tool is an enclosure that is gone.
type tool struct {
	enclosure.Tool
	adjust func()
}

func (tool) DestroyEnclosure(_ context.Context, _ *backends.Container, d *enclosure.Data) error {
	return d.RemoveCgroup()
}

func (t tool) Adjust(context.Context, *backends.Container, *enclosure.Data, *specs.LinuxResources, *specs.LinuxResources) error {
	if t.adjust != nil {
		t.adjust()
	}
	return nil
}

// TestAnotherCgroup checks that no operation on a container touches a cgroup that has the path of
// the container's cgroup, which was removed.
func TestAnotherCgroup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, c := range map[string]struct {
		do   func(b *box) error
		want error
	}{
		"kill":               {func(b *box) error { return Kill(b.Container, unix.SIGKILL, false) }, os.ErrProcessDone},
		"kill all":           {func(b *box) error { return Kill(b.Container, unix.SIGKILL, true) }, nil},
		"signal all":         {func(b *box) error { return Kill(b.Container, unix.SIGINT, true) }, nil},
		"pause":              {func(b *box) error { return Pause(ctx, b.Container) }, os.ErrProcessDone},
		"resume":             {func(b *box) error { return Resume(b.Container) }, os.ErrProcessDone},
		"pids":               {func(b *box) error { _, err := Pids(b.Container); return err }, os.ErrProcessDone},
		"stats":              {func(b *box) error { _, err := Stats(b.Container); return err }, os.ErrProcessDone},
		"watch":              {func(b *box) error { return WatchOOM(ctx, b.Container, func() {}) }, os.ErrProcessDone},
		"update":             {func(b *box) error { return Update(ctx, tool{}, b.Container, limited) }, os.ErrProcessDone},
		"delete":             {func(b *box) error { return Delete(ctx, tool{}, b.Container) }, nil},
		"delete of a create": {func(b *box) error { return deleteHalf(ctx, b) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			o := b.replace(t)
			frozen := name == "resume"
			if frozen {
				if err := o.group.Freeze(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.do(b); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("error %v, want %v", err, c.want)
			}
			o.untouched(t, frozen)
		})
	}
}

// deleteHalf deletes a container whose create ended before the tool had made the cgroup.
func deleteHalf(ctx context.Context, b *box) error {
	d, err := enclosure.DataOf(b.Container)
	if err != nil {
		return err
	}
	d.LimitsID, d.Claimed = 0, false
	return Remove(ctx, tool{}, b.Container, d)
}

// TestReplacedDuringUpdate checks that an update does not go on in another cgroup.
func TestReplacedDuringUpdate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if err := Update(context.Background(), tool{}, b.Container, limited); err != nil {
		t.Fatal(err)
	}
	if depth, err := os.ReadFile(filepath.Join(cgroup.Mount, b.group.Path(), maxDepth)); err != nil || string(depth) != "7\n" {
		t.Fatalf("limited to %s, %v", depth, err)
	}
	var o other
	adjust := func() {
		if o.group == nil {
			o = b.replace(t)
		}
	}
	if err := Update(context.Background(), tool{adjust: adjust}, b.Container, limited); !errors.Is(err, cgroup.ErrGone) {
		t.Errorf("error %v", err)
	}
	o.untouched(t, false)
}

// TestStatusOfAnother checks that a container is not paused because another cgroup of its path is.
func TestStatusOfAnother(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	status := func(want specs.ContainerState) {
		t.Helper()
		if got, err := Status(b.Container); err != nil || got != want {
			t.Errorf("status %s, %v, want %s", got, err, want)
		}
	}
	ctx := context.Background()
	status(specs.StateRunning)
	if err := Pause(ctx, b.Container); err != nil {
		t.Fatal(err)
	}
	status(statePaused)
	if err := Resume(b.Container); err != nil {
		t.Fatal(err)
	}
	o := b.replace(t)
	if err := o.group.Freeze(ctx); err != nil {
		t.Fatal(err)
	}
	status(specs.StateRunning)
	o.untouched(t, true)
}
