package runtime

import (
	"errors"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

var (
	errStep   = errors.New("the step failed")
	errDelete = errors.New("the delete failed")
)

// TestCreateFails checks what is left when a step of create fails: nothing at all, or a record that
// says what a later command has to remove.
func TestCreateFails(t *testing.T) {
	for name, c := range map[string]struct {
		fail    map[string]error
		pidFile string
		want    error
		host    specs.ContainerState
		record  bool
		owed    string
		hooks   []string
	}{
		"the backend makes nothing":     {fail: map[string]error{"create": errStep}, want: errStep, hooks: []string{"poststop"}},
		"the record cannot be saved":    {fail: map[string]error{"save": errStep}, want: errStep, hooks: []string{"poststop"}},
		"the backend undoes it":         {fail: map[string]error{"create late": errStep}, want: errStep, hooks: []string{"poststop"}},
		"the backend cannot undo it":    {fail: map[string]error{"create stuck": errStep}, want: errStep, host: specs.StateCreated, record: true, owed: errStep.Error()},
		"the pid file":                  {pidFile: "/proc/none", want: os.ErrNotExist, hooks: []string{"poststop"}},
		"the pid file, and then delete": {pidFile: "/proc/none", fail: map[string]error{"delete": errDelete}, want: errDelete, host: specs.StateCreated, record: true, owed: errDelete.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, "", "")
			b.fake.fail = c.fail
			o := b.options()
			o.PidFile = c.pidFile
			if err := b.make(boxID, o); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			b.check(c.host, c.record, c.owed, c.hooks...)
			// Whatever is left, a later delete --force removes it.
			b.fake.fail = nil
			if err := b.Delete(b.Context(), boxID, true); err != nil {
				t.Error(err)
			}
			b.check("", false, "", "poststop")
		})
	}
}

// TestStartFails checks that a failed start leaves the container as it was, and that a failed
// poststart hook removes it (runtime.md#lifecycle).
func TestStartFails(t *testing.T) {
	for name, c := range map[string]struct {
		poststart string
		fail      map[string]error
		host      specs.ContainerState
		record    bool
		owed      string
		hooks     []string
	}{
		"the backend":                {fail: map[string]error{"start": errStep}, host: specs.StateCreated, record: true},
		"poststart":                  {poststart: "exit 3", hooks: []string{"poststart", "poststop"}},
		"poststart, and then delete": {poststart: "exit 3", fail: map[string]error{"delete": errDelete}, host: specs.StateRunning, record: true, owed: errDelete.Error(), hooks: []string{"poststart"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, c.poststart, "")
			if err := b.create(); err != nil {
				t.Fatal(err)
			}
			b.fake.fail = c.fail
			if err := b.with(func(c *backends.Container) error { return b.Start(b.Context(), c) }); err == nil {
				t.Error("start succeeds")
			}
			b.check(c.host, c.record, c.owed, c.hooks...)
		})
	}
}

// TestDeleteFails checks that a container that could not be removed is recorded as such, that its
// poststop hooks run once it is gone and only then, and that a failed poststop hook keeps nothing.
func TestDeleteFails(t *testing.T) {
	b := newBox(t, "", "exit 3")
	if err := b.create(); err != nil {
		t.Fatal(err)
	}
	b.fake.fail = map[string]error{"delete": errDelete}
	for range 2 {
		if err := b.Delete(b.Context(), boxID, true); !errors.Is(err, errDelete) || !strings.Contains(err.Error(), "doctor --fix") {
			t.Errorf("%v, want %v and advice", err, errDelete)
		}
		b.check(specs.StateCreated, true, errDelete.Error())
	}
	if owed := b.ListOwed(); len(owed) != 1 || owed[0].ID != boxID {
		t.Fatalf("the unfinished deletes are %+v", owed)
	}
	b.fake.fail = nil
	if err := b.ListOwed()[0].Finish(b.Context()); err != nil {
		t.Error(err)
	}
	b.check("", false, "", "poststop")
	if owed := b.ListOwed(); len(owed) != 0 {
		t.Errorf("the unfinished deletes are %+v", owed)
	}
}

// TestCreateOverUnfinishedDelete checks create for the id of a container that could not be removed:
// create tries the delete again, and otherwise sets the old record aside if the backend can do
// without the id.
func TestCreateOverUnfinishedDelete(t *testing.T) {
	for name, c := range map[string]struct {
		fail  map[string]error
		want  error
		aside bool
	}{
		"the delete succeeds":             {},
		"the record is set aside":         {fail: map[string]error{"delete": errDelete}, aside: true},
		"the backend needs the id itself": {fail: map[string]error{"delete": errDelete, "postpone": errStep}, want: state.ErrExist},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, "", "")
			if err := b.create(); err != nil {
				t.Fatal(err)
			}
			b.fake.fail = map[string]error{"delete": errDelete}
			if err := b.Delete(b.Context(), boxID, true); !errors.Is(err, errDelete) {
				t.Fatal(err)
			}
			b.fake.fail = c.fail
			if err := b.create(); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want != nil {
				b.check(specs.StateCreated, true, errDelete.Error())
				return
			}
			b.check(specs.StateCreated, true, "", "poststop")
			if owed := b.ListOwed(); (len(owed) == 1) != c.aside {
				t.Fatalf("the unfinished deletes are %+v", owed)
			}
			if !c.aside {
				return
			}
			// The new container is not touched when the old one goes.
			b.fake.fail = nil
			if err := b.ListOwed()[0].Finish(b.Context()); err != nil {
				t.Error(err)
			}
			if err := b.with(func(c *backends.Container) error { _, err := b.State(c); return err }); err != nil || len(b.ListOwed()) != 0 {
				t.Errorf("%v; the unfinished deletes are %+v", err, b.ListOwed())
			}
		})
	}
}

// TestRun checks the exit status of run, and what run leaves.
func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		program   string
		poststart string
		keep      bool
		fail      map[string]error
		want      int
		fails     bool
		host      specs.ContainerState
		record    bool
		hooks     []string
	}{
		"exit status": {program: "exit 7", want: 7, hooks: []string{"poststart", "poststop"}},
		"a signal":    {program: "kill -KILL $$", want: 128 + 9, hooks: []string{"poststart", "poststop"}},
		"--keep":      {program: "exit 7", keep: true, want: 7, host: specs.StateRunning, record: true, hooks: []string{"poststart"}},
		"start fails": {program: "exit 7", fail: map[string]error{"start": errStep}, want: -1, fails: true, hooks: []string{"poststop"}},
		"poststart":   {program: "exit 7", poststart: "exit 1", want: -1, fails: true, hooks: []string{"poststart", "poststop"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, c.poststart, "")
			b.fake.program, b.fake.fail = &c.program, c.fail
			p, err := NewPlan(boxID, b.options())
			if err != nil {
				t.Fatal(err)
			}
			code, err := b.Runtime.Run(b.Context(), p, RunOptions{Keep: c.keep, NoSubreaper: true})
			if code != c.want || (err != nil) != c.fails {
				t.Errorf("status %d, %v; want %d", code, err, c.want)
			}
			b.check(c.host, c.record, "", c.hooks...)
		})
	}
}

// TestCreateRefuses checks that create makes neither a record nor a container from what it refuses.
func TestCreateRefuses(t *testing.T) {
	for name, change := range map[string]func(*box, *CreateOptions) string{
		"an id that is a path":  func(*box, *CreateOptions) string { return "../x" },
		"a bundle that is none": func(_ *box, o *CreateOptions) string { o.Bundle = "/proc/none"; return boxID },
		"--no-pivot":            func(_ *box, o *CreateOptions) string { o.NoPivot = true; return boxID },
		"no cgroup":             func(_ *box, o *CreateOptions) string { o.NoCgroup = true; return boxID },
		"a console socket without a terminal": func(b *box, o *CreateOptions) string {
			o.ConsoleSocket = b.dir + "/console"
			return boxID
		},
		"descriptors that are not open": func(_ *box, o *CreateOptions) string { o.PreserveFDs = 2; return boxID },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, "", "")
			o := b.options()
			id := change(b, &o)
			if err := b.make(id, o); err == nil {
				t.Error("made")
			}
			b.check("", false, "")
			if len(b.fake.calls) > 0 {
				t.Errorf("the backend was called: %v", b.fake.calls)
			}
		})
	}
}
