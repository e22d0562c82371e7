package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/spec"
)

// fake is a backend that notes what a command asks it for. Its containers' process is the test.
type fake struct {
	calls  []string
	status specs.ContainerState
	// create and options are what Create and Exec got.
	create  backends.CreateOptions
	made    *backends.Container
	process *specs.Process
	options backends.ExecOptions
	// program is the shell script that Exec runs.
	program   string
	resources *specs.LinuxResources
	stats     backends.Stats
	pids      []int
	fail      error
}

func (f *fake) called(format string, args ...any) error {
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintf(format, args...)))
	return f.fail
}

func (f *fake) Name() string                    { return "fake" }
func (f *fake) Usable() error                   { return f.fail }
func (f *fake) Check(*specs.Spec) spec.Problems { return nil }

func (f *fake) Versions() ([]backends.Tool, error) {
	return []backends.Tool{{Name: "faker", Version: "1.2", Path: "/bin/faker"}}, nil
}

func (f *fake) Create(_ context.Context, c *backends.Container, _ *specs.Spec, o backends.CreateOptions, save func() error) (err error) {
	if err := f.called("create %s", c.ID); err != nil {
		return err
	}
	f.create, f.made, f.status = o, c, specs.StateCreated
	if c.Process, err = backends.FindProcess(os.Getpid()); err != nil {
		return err
	}
	return save()
}

func (f *fake) Status(*backends.Container) (specs.ContainerState, error) { return f.status, nil }

func (f *fake) Start(_ context.Context, c *backends.Container) error {
	f.status = specs.StateRunning
	return f.called("start %s", c.ID)
}

func (f *fake) Kill(_ context.Context, c *backends.Container, sig os.Signal, all bool) error {
	return f.called("kill %s %d%s", c.ID, sig, map[bool]string{true: " all"}[all])
}

func (f *fake) Delete(_ context.Context, c *backends.Container, force bool) error {
	return f.called("delete %s%s", c.ID, map[bool]string{true: " force"}[force])
}

func (f *fake) OwnProcess(*backends.Container) (*specs.Process, error) {
	return &specs.Process{
		Args: []string{"own"}, Cwd: "/own", Env: []string{"OWN=1"}, Terminal: true, ConsoleSize: &specs.Box{Height: 1, Width: 1},
		User:         specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9}},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}, Effective: []string{"CAP_CHOWN"}, Permitted: []string{"CAP_CHOWN"}},
	}, nil
}

func (f *fake) Exec(_ context.Context, c *backends.Container, p *specs.Process, o backends.ExecOptions) (backends.Process, error) {
	f.process, f.options = p, o
	if err := f.called("exec %s", c.ID); err != nil {
		return backends.Process{}, err
	}
	cmd := exec.Command("/bin/sh", "-c", f.program)
	if err := cmd.Start(); err != nil {
		return backends.Process{}, err
	}
	defer cmd.Process.Release()
	return backends.FindProcess(cmd.Process.Pid)
}

func (f *fake) Pids(c *backends.Container) ([]int, error) { return f.pids, f.called("pids %s", c.ID) }

func (f *fake) Pause(_ context.Context, c *backends.Container) error {
	f.status = runtime.StatePaused
	return f.called("pause %s", c.ID)
}

func (f *fake) Resume(_ context.Context, c *backends.Container) error {
	f.status = specs.StateRunning
	return f.called("resume %s", c.ID)
}

func (f *fake) Update(_ context.Context, c *backends.Container, r *specs.LinuxResources) error {
	f.resources = r
	return f.called("update %s", c.ID)
}

func (f *fake) Stats(c *backends.Container) (*backends.Stats, error) {
	return &f.stats, f.called("stats %s", c.ID)
}

func (f *fake) WatchOOM(_ context.Context, c *backends.Container, oom func()) error {
	oom()
	f.status = specs.StateStopped
	return f.called("watch %s", c.ID)
}

// line is a command line with the fake backend.
type line struct {
	*testing.T
	*fake
	root, bundle string
}

// newLine makes a state directory and a bundle. Its tests do not run in parallel, because the
// command line has global state.
func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{T: t, fake: &fake{}, root: filepath.Join(t.TempDir(), "root")}
	l.bundle = makeBundle(t, func(s *specs.Spec) {
		s.Annotations, s.Process.Terminal = map[string]string{"key": "value"}, false
	})
	was := further
	further = append(slices.Clone(was), runtime.Maker{Name: "fake", Make: func() (backends.Backend, error) { return l.fake, nil }})
	t.Cleanup(func() { further = was })
	return l
}

// run runs a command line and returns what it prints. The words before the command are added.
func (l *line) run(words ...string) (string, error) {
	l.Helper()
	app := App()
	var out bytes.Buffer
	app.Writer, app.ErrWriter = &out, &out
	err := app.Run(arrange(app, append([]string{"berth", "--root", l.root, "--backend=fake"}, words...)))
	return out.String(), err
}

// must is run for a command line that succeeds.
func (l *line) must(words ...string) string {
	l.Helper()
	out, err := l.run(words...)
	if err != nil {
		l.Fatalf("%q: %v", words, err)
	}
	return out
}

// container creates a container, and forgets the call.
func (l *line) container() {
	l.Helper()
	l.must("create", "--bundle", l.bundle, "box")
	l.calls = nil
}

// did checks the calls of the backend since the last check.
func (l *line) did(want ...string) {
	l.Helper()
	if !slices.Equal(l.calls, want) {
		l.Errorf("the backend was called for %q, want %q", l.calls, want)
	}
	l.calls = nil
}

// asJSON returns a value as JSON.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	_ backends.Operator  = &fake{}
	_ backends.Versioner = &fake{}
)
