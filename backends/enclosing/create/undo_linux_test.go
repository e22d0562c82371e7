package create

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
)

// TestReason checks that the words of a failed create do not depend on whether the init process,
// which has said why, has already ended.
func TestReason(t *testing.T) {
	other := errors.New("join the cgroup")
	said := &link.SaidError{Message: "exec: /d/program: no such file or directory"}
	for name, c := range map[string]struct {
		ended      bool
		cause, err error
		want       string
	}{
		"said":            {false, nil, said, said.Message},
		"said and ended":  {true, nil, said, said.Message},
		"other":           {false, nil, other, "join the cgroup"},
		"other and ended": {true, nil, other, "the container's process ended with status 1 while it was being created: join the cgroup"},
		"given up":        {true, errors.New("told to end"), said, "told to end"},
	} {
		t.Run(name, func(t *testing.T) {
			script := "read line"
			if c.ended {
				script = "exit 1"
			}
			stdin, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", script}, &os.ProcAttr{Files: []*os.File{stdin}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = p.Wait() }()
			defer w.Close()
			stdin.Close()
			if c.ended {
				// The process stays a zombie.
				if err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
					t.Fatal(err)
				}
			}
			cr := &creation{initProc: &initproc.Process{Host: &link.Host{Pid: p.Pid}}}
			if got := cr.reason(c.cause, c.err).Error(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

var (
	errEarly   = errors.New("a step has failed")
	errDestroy = errors.New("it cannot be destroyed")
)

// tool is an enclosure.Tool that has only what the tests need. It fails where an error is set.
type tool struct {
	enclosure.Tool
	usable, plan, destroy error
	called                []string
}

func (t *tool) Usable() error                           { return t.usable }
func (*tool) Mounts(*specs.Spec) ([]specs.Mount, error) { return nil, nil }

func (t *tool) PlanCgroup(j *enclosure.Job) error {
	t.called = append(t.called, "plan")
	j.Data.Name = "fake-1"
	return t.plan
}

func (t *tool) DestroyEnclosure(ctx context.Context, _ *backends.Container, d *enclosure.Data) error {
	t.called = append(t.called, "destroy "+d.Name)
	return errors.Join(ctx.Err(), t.destroy)
}

// A create that fails is undone, even if its caller has given up. If the undo fails too, the error
// says that something is left, so that the record is kept.
func TestUndo(t *testing.T) {
	t.Parallel()
	network := []specs.LinuxNamespace{{Type: specs.NetworkNamespace}, {Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}
	for name, c := range map[string]struct {
		tool   tool
		save   error
		called []string
		left   bool
	}{
		"the tool cannot be used":    {tool{usable: errEarly}, nil, []string{"destroy ", "destroy "}, false},
		"no cgroup":                  {tool{plan: errEarly}, nil, []string{"plan", "destroy fake-1", "destroy fake-1"}, false},
		"the record cannot be saved": {tool{}, errEarly, []string{"plan", "destroy fake-1", "destroy fake-1"}, false},
		"the undo fails":             {tool{plan: errEarly, destroy: errDestroy}, nil, []string{"plan", "destroy fake-1"}, true},
	} {
		box := &backends.Container{ID: "a", Dir: t.TempDir(), Root: t.TempDir()}
		s := &specs.Spec{Process: &specs.Process{Args: []string{"true"}, Cwd: "/"}, Linux: &specs.Linux{Namespaces: network}}
		ctx, cancel := context.WithCancel(t.Context())
		save := func() error { cancel(); return c.save }
		err := Run(ctx, &c.tool, box, s, backends.CreateOptions{}, save)
		cancel()
		if c.save != nil && !errors.Is(err, context.Canceled) || c.save == nil && !errors.Is(err, errEarly) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, backends.ErrLeftBehind) != c.left || errors.Is(err, errDestroy) != c.left {
			t.Errorf("%s: %v, left behind: want %v", name, err, c.left)
		}
		if !slices.Equal(c.tool.called, c.called) {
			t.Errorf("%s: called %q, want %q", name, c.tool.called, c.called)
		}
	}
}
