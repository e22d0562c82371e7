package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime/state"
	"github.com/berth-oci/berth/spec"
)

// fake is a backend whose containers exist only in a map.
type fake struct {
	mu sync.Mutex
	// host holds the state of each container that the host has.
	host map[string]specs.ContainerState
	// calls lists the backend's methods that changed something, in order.
	calls []string
	// fail maps a step to its error. The steps are the methods in lower case, "create late" (after
	// the container is made; Create undoes it), "create stuck" (Create cannot undo it) and "save"
	// (before Create saves the record).
	fail map[string]error
	// enter, if not nil, is called in Create after the first save.
	enter func(*backends.Container)
	// program, if not nil, is the shell script that the container's process runs after Start.
	program *string
	stdin   *os.File
}

func (f *fake) Name() string                    { return "fake" }
func (f *fake) Usable() error                   { return nil }
func (f *fake) Check(*specs.Spec) spec.Problems { return nil }

func (f *fake) step(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail[name]; err != nil {
		return err
	}
	f.calls = append(f.calls, name)
	return nil
}

func (f *fake) set(id string, s specs.ContainerState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s == "" {
		delete(f.host, id)
		return
	}
	f.host[id] = s
}

func (f *fake) get(id string) specs.ContainerState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.host[id]
}

func (f *fake) Create(_ context.Context, c *backends.Container, _ *specs.Spec, _ backends.CreateOptions, save func() error) (err error) {
	if err := f.step("create"); err != nil {
		return err
	}
	c.Data = json.RawMessage(`{"made":true}`)
	if err := errors.Join(f.fail["save"], save()); err != nil {
		return err
	}
	if f.enter != nil {
		f.enter(c)
	}
	f.set(c.ID, specs.StateCreated)
	if err := f.fail["create stuck"]; err != nil {
		return fmt.Errorf("%w: %w", backends.ErrLeftBehind, err)
	}
	pid := os.Getpid()
	if err = f.fail["create late"]; err == nil && f.program != nil {
		pid, err = f.spawn()
	}
	if err == nil {
		c.Process, err = backends.FindProcess(pid)
	}
	if err != nil {
		f.set(c.ID, "")
	}
	return err
}

// spawn starts the process, which waits for Start.
func (f *fake) spawn() (int, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	f.stdin = out
	cmd := exec.Command("/bin/sh", "-c", "read -r start; "+*f.program)
	cmd.Stdin = in
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

func (f *fake) Start(_ context.Context, c *backends.Container) error {
	if err := f.step("start"); err != nil {
		return err
	}
	f.set(c.ID, specs.StateRunning)
	if f.stdin != nil {
		_, err := f.stdin.WriteString("start\n")
		return errors.Join(err, f.stdin.Close())
	}
	return nil
}

func (f *fake) Status(c *backends.Container) (specs.ContainerState, error) {
	if s := f.get(c.ID); s != "" {
		return s, f.fail["status"]
	}
	return specs.StateStopped, f.fail["status"]
}

func (f *fake) Kill(_ context.Context, c *backends.Container, sig os.Signal, all bool) error {
	name := "kill " + sig.String()
	if all {
		name += " all"
	}
	if err := f.step(name); err != nil {
		return err
	}
	if s := f.get(c.ID); s == "" || s == specs.StateStopped {
		return os.ErrProcessDone
	}
	if sig == syscall.SIGKILL {
		f.set(c.ID, specs.StateStopped)
	}
	return nil
}

func (f *fake) Delete(_ context.Context, c *backends.Container, _ bool) error {
	if err := f.step("delete"); err != nil {
		return err
	}
	f.set(c.ID, "")
	return nil
}

func (f *fake) Recover(_ context.Context, c *backends.Container) ([]string, error) {
	f.set(c.ID, "")
	return []string{"recovered it"}, f.step("recover")
}

func (f *fake) Postpone(*backends.Container) error { return f.step("postpone") }

func (f *fake) OwnProcess(*backends.Container) (*specs.Process, error) {
	return &specs.Process{Args: []string{"/bin/true"}}, nil
}

func (f *fake) Exec(context.Context, *backends.Container, *specs.Process, backends.ExecOptions) (backends.Process, error) {
	return backends.Process{Pid: os.Getpid()}, f.step("exec")
}

func (f *fake) Pids(*backends.Container) ([]int, error) { return nil, f.step("pids") }

func (f *fake) Pause(_ context.Context, c *backends.Container) error {
	f.set(c.ID, StatePaused)
	return f.step("pause")
}

func (f *fake) Resume(_ context.Context, c *backends.Container) error {
	f.set(c.ID, specs.StateRunning)
	return f.step("resume")
}

func (f *fake) Update(context.Context, *backends.Container, *specs.LinuxResources) error {
	return f.step("update")
}

func (f *fake) Stats(*backends.Container) (*backends.Stats, error) { return nil, f.step("stats") }

func (f *fake) WatchOOM(context.Context, *backends.Container, func()) error { return nil }

var (
	_ backends.Operator   = &fake{}
	_ backends.Postponing = &fake{}
	_ backends.Recoverer  = &fake{}
)

// delegated is the name of a backend whose containers are elsewhere.
const delegated = "other"

// elsewhere has the delegated container of the box's id, or none.
type elsewhere struct {
	has bool
	// over is true if nothing but the record is left of it.
	over func() error
	// recovered counts the calls of Recover.
	recovered int
}

func (e *elsewhere) Delegated(c *backends.Container) (bool, error) {
	return c.Backend == delegated, nil
}

func (e *elsewhere) Holder(string) string {
	if e.has {
		return delegated
	}
	return ""
}

func (e *elsewhere) Clear(string) {
	if e.over != nil {
		_ = e.over()
	}
}

func (e *elsewhere) Recover(context.Context, *backends.Container) ([]string, error) {
	e.recovered++
	return nil, nil
}

// box is a state directory with one bundle for the fake backend.
type box struct {
	*testing.T
	*Runtime
	fake      *fake
	elsewhere elsewhere
	dir       string
}

const boxID = "c"

// newBox makes a box. Tests that use boxes do not run in parallel: between fork and exec a child of
// this process holds all its locks, so a container of another box would look busy for a moment.
//
// The container has a poststart and a poststop hook. Each writes its name to a file and then runs
// the given shell script.
func newBox(t *testing.T, poststart, poststop string) *box {
	t.Helper()
	b := &box{T: t, fake: &fake{host: map[string]specs.ContainerState{}, fail: map[string]error{}}, dir: t.TempDir()}
	store, err := state.Open(filepath.Join(b.dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	b.Runtime = New(store, &b.elsewhere, Maker{Name: "fake", Make: func() (backends.Backend, error) { return b.fake, nil }})
	hook := func(name, script string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", fmt.Sprintf("echo %s >>%s/hooks; %s", name, b.dir, script)}}}
	}
	config, err := json.Marshal(&specs.Spec{
		Version: "1.2.0", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"/bin/true"}, Cwd: "/"},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}},
		Hooks:   &specs.Hooks{Poststart: hook("poststart", poststart), Poststop: hook("poststop", poststop)},
	})
	if err == nil {
		err = errors.Join(os.Mkdir(b.dir+"/rootfs", 0o755), os.WriteFile(b.dir+"/config.json", config, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *box) options() CreateOptions {
	return CreateOptions{Bundle: b.dir, Choose: func(string, *bundle.Bundle) (string, error) { return "fake", nil }}
}

func (b *box) create() error { return b.make(boxID, b.options()) }

func (b *box) make(id string, o CreateOptions) error {
	p, err := NewPlan(id, o)
	if err == nil {
		_, err = b.Create(b.Context(), p)
	}
	return err
}

// with calls a method on the box's container.
func (b *box) with(method func(*backends.Container) error) error {
	c, err := b.Find(boxID)
	if err != nil {
		return err
	}
	return method(c)
}

// hooks returns the names of the hooks that ran, in order.
func (b *box) hooks() []string {
	data, _ := os.ReadFile(b.dir + "/hooks")
	return strings.Fields(string(data))
}

// check compares what is left with what must be left: the container on the host, its record, the
// reason why a delete is not finished (part of its text), and the hooks that ran.
func (b *box) check(host specs.ContainerState, record bool, owed string, hooks ...string) {
	b.Helper()
	if got := b.fake.get(boxID); got != host {
		b.Errorf("the host has the container in state %q, want %q", got, host)
	}
	c, err := b.store.Read(boxID)
	if recorded := err == nil; recorded != record {
		b.Errorf("the record is there: %t, want %t (%v)", recorded, record, err)
	}
	if _, err := os.Stat(b.store.Dir(boxID)); (err == nil) != record {
		b.Errorf("the container's directory: %v", err)
	}
	if err == nil {
		why := ""
		if c.Owed != nil {
			why = c.Owed.Why
		}
		if (owed == "") != (c.Owed == nil) || !strings.Contains(why, owed) {
			b.Errorf("the record says %+v of an unfinished delete, want %q", c.Owed, owed)
		}
	}
	if got := b.hooks(); !slices.Equal(got, hooks) {
		b.Errorf("the hooks %v ran, want %v", got, hooks)
	}
}
