package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/state"
)

// What a container was before a command.
const (
	wasAbsent   = "absent"
	wasCreating = "creating"
	wasHalfMade = "half-made"
	wasCreated  = "created"
	wasRunning  = "running"
	wasPaused   = "paused"
	wasStopped  = "stopped"
	wasDamaged  = "damaged"
)

// bring brings the box's container into a state. The returned function ends what bring has left
// running.
func (b *box) bring(s string) (done func()) {
	b.Helper()
	switch s {
	case wasAbsent:
		return func() {}
	case wasCreating:
		entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		b.fake.enter = func(*backends.Container) { close(entered); <-leave }
		go func() { ended <- b.create() }()
		<-entered
		return func() {
			close(leave)
			if err := <-ended; err != nil {
				b.Errorf("the create that was under way: %v", err)
			}
		}
	case wasHalfMade:
		e, err := b.store.Create(boxID)
		if err == nil {
			e.Backend, e.Bundle, e.OCIVersion = "fake", b.dir, "1.2.0"
			err = e.Save()
			e.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		return func() {}
	}
	if err := b.create(); err != nil {
		b.Fatal(err)
	}
	switch s {
	case wasDamaged:
		if err := os.WriteFile(filepath.Join(b.store.Dir(boxID), backends.RecordFile), []byte("{}"), 0o600); err != nil {
			b.Fatal(err)
		}
	case wasCreated:
	default:
		b.fake.set(boxID, specs.ContainerState(s))
	}
	return func() {}
}

// container returns a command that calls a method on the box's container.
func container(method func(*box, *backends.Container) error) func(*box) error {
	return func(b *box) error {
		return b.with(func(c *backends.Container) error { return method(b, c) })
	}
}

// TestOperationsInStates runs each command on a container in each state. runtime.md#operations of
// the OCI runtime spec says which of them must fail. For the others, runc is the model.
func TestOperationsInStates(t *testing.T) {
	// A missing entry means that the command succeeds.
	type expected map[string]error
	for name, o := range map[string]struct {
		run  func(*box) error
		want expected
	}{
		"create": {(*box).create, expected{
			wasCreating: state.ErrExist, wasHalfMade: state.ErrExist, wasCreated: state.ErrExist, wasRunning: state.ErrExist, wasPaused: state.ErrExist,
			wasStopped: state.ErrExist, wasDamaged: state.ErrExist,
		}},
		"start": {container(func(b *box, c *backends.Container) error { return b.Start(b.Context(), c) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrCreating, wasHalfMade: ErrHasStopped, wasRunning: ErrAlreadyRunning, wasPaused: ErrAlreadyRunning,
			wasStopped: ErrHasStopped, wasDamaged: state.ErrDamaged,
		}},
		"kill TERM": {container(func(b *box, c *backends.Container) error { return b.Kill(b.Context(), c, syscall.SIGTERM, false) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"kill KILL": {container(func(b *box, c *backends.Container) error { return b.Kill(b.Context(), c, syscall.SIGKILL, false) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"kill all": {container(func(b *box, c *backends.Container) error { return b.Kill(b.Context(), c, syscall.SIGTERM, true) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"delete": {func(b *box) error { return b.Delete(b.Context(), boxID, false) }, expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotStopped, wasRunning: ErrNotStopped, wasPaused: ErrNotStopped, wasDamaged: state.ErrDamaged,
		}},
		"exec": {container(func(b *box, c *backends.Container) error {
			_, err := b.Exec(b.Context(), c, ExecOptions{Detach: true, Process: func(own specs.Process) (*specs.Process, error) { return &own, nil }})
			return err
		}), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrExecStopped, wasHalfMade: ErrExecStopped, wasPaused: ErrExecPaused, wasStopped: ErrExecStopped, wasDamaged: state.ErrDamaged,
		}},
		"pause": {container(func(b *box, c *backends.Container) error { return b.Pause(b.Context(), c) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasPaused: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"resume": {container(func(b *box, c *backends.Container) error { return b.Resume(b.Context(), c) }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotPaused, wasHalfMade: ErrNotPaused, wasCreated: ErrNotPaused, wasRunning: ErrNotPaused, wasStopped: ErrNotPaused, wasDamaged: state.ErrDamaged,
		}},
		"update": {container(func(b *box, c *backends.Container) error {
			return b.Update(b.Context(), c, func() (*specs.LinuxResources, error) { return &specs.LinuxResources{}, nil })
		}), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"ps": {container(func(b *box, c *backends.Container) error { _, err := b.Pids(c); return err }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
		"events": {container(func(b *box, c *backends.Container) error { _, err := b.Stats(c); return err }), expected{
			wasAbsent: state.ErrNotExist, wasCreating: ErrNotRunning, wasHalfMade: ErrNotRunning, wasStopped: ErrNotRunning, wasDamaged: state.ErrDamaged,
		}},
	} {
		for _, s := range []string{wasAbsent, wasCreating, wasHalfMade, wasCreated, wasRunning, wasPaused, wasStopped, wasDamaged} {
			t.Run(name+", "+s, func(t *testing.T) {
				b := newBox(t, "", "")
				done := b.bring(s)
				before := b.fake.get(boxID)
				err := o.run(b)
				if want := o.want[s]; !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				if after := b.fake.get(boxID); err != nil && after != before {
					t.Errorf("the command failed and changed the container from %q to %q", before, after)
				}
				done()
			})
		}
	}
}

// TestStates checks what state says about a container in each state.
func TestStates(t *testing.T) {
	for s, want := range map[string]specs.ContainerState{
		wasCreating: specs.StateCreating, wasHalfMade: specs.StateStopped, wasCreated: specs.StateCreated, wasRunning: specs.StateRunning,
		wasPaused: StatePaused, wasStopped: specs.StateStopped,
	} {
		t.Run(s, func(t *testing.T) {
			b := newBox(t, "", "")
			done := b.bring(s)
			defer done()
			c, err := b.Find(boxID)
			if err != nil {
				t.Fatal(err)
			}
			info, err := b.State(c)
			if err != nil || info.Status != want {
				t.Errorf("%+v, %v; want %s", info, err, want)
			}
			if list, _, err := b.List(); err != nil || len(list) != 1 || list[0].Status != want {
				t.Errorf("list: %+v, %v; want one container, %s", list, err, want)
			}
		})
	}
}

// TestDeleteForce checks that delete --force removes a container in any state, and that it is no
// error if there is none.
func TestDeleteForce(t *testing.T) {
	for _, s := range []string{wasAbsent, wasHalfMade, wasCreated, wasRunning, wasPaused, wasStopped, wasDamaged} {
		t.Run(s, func(t *testing.T) {
			b := newBox(t, "", "")
			b.bring(s)
			if err := b.Delete(b.Context(), boxID, true); err != nil {
				t.Fatal(err)
			}
			// Nothing is known of the hooks of a damaged record or of one that create has only begun.
			var hooks []string
			if s != wasAbsent && s != wasHalfMade && s != wasDamaged {
				hooks = []string{"poststop"}
			}
			b.check("", false, "", hooks...)
			if asked := b.elsewhere.recovered > 0; asked != (s == wasDamaged) {
				t.Errorf("what is elsewhere was to be recovered: %t", asked)
			}
		})
	}
}

// TestElsewhere checks that no command touches a container that another runtime has, and that such
// a container's id is taken.
func TestElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		recorded, has bool
		want          map[string]error
	}{
		"recorded":   {recorded: true, has: true, want: map[string]error{"create": state.ErrExist}},
		"lost":       {recorded: true, want: map[string]error{"create": state.ErrExist}},
		"unrecorded": {has: true, want: map[string]error{"create": state.ErrExist, "state": state.ErrNotExist, "start": state.ErrNotExist}},
		"absent":     {want: map[string]error{"create": nil, "state": state.ErrNotExist, "start": state.ErrNotExist, "delete": state.ErrNotExist, "delete --force": nil}},
	} {
		for command, run := range map[string]func(*box) error{
			"create":         (*box).create,
			"state":          container(func(b *box, c *backends.Container) error { _, err := b.State(c); return err }),
			"start":          container(func(b *box, c *backends.Container) error { return b.Start(b.Context(), c) }),
			"delete":         func(b *box) error { return b.Delete(b.Context(), boxID, false) },
			"delete --force": func(b *box) error { return b.Delete(b.Context(), boxID, true) },
		} {
			t.Run(name+"/"+command, func(t *testing.T) {
				b := newBox(t, "", "")
				b.elsewhere.has = c.has
				if c.recorded {
					b.recordElsewhere()
				}
				want, named := c.want[command]
				if !named {
					want = ErrElsewhere
				}
				if err := run(b); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				if command != "create" && len(b.fake.calls) > 0 {
					t.Errorf("the backend was called: %v", b.fake.calls)
				}
				list, elsewhere, err := b.List()
				if len(elsewhere) == 1 != c.recorded || err != nil || len(list) > 0 != (want == nil && command == "create") {
					t.Errorf("list: %+v, elsewhere %+v, %v", list, elsewhere, err)
				}
			})
		}
	}
}

// TestClearElsewhere checks that create asks for the record of a delegated container that is over
// to be cleared away.
func TestClearElsewhere(t *testing.T) {
	b := newBox(t, "", "")
	b.recordElsewhere()
	b.elsewhere.over = func() error {
		e, err := b.store.Lock(boxID, 0)
		if err != nil {
			return err
		}
		return e.Remove()
	}
	if err := b.create(); err != nil {
		t.Error(err)
	}
	b.check(specs.StateCreated, true, "")
}

// recordElsewhere makes the record of a delegated container.
func (b *box) recordElsewhere() {
	b.Helper()
	e, err := b.store.Create(boxID)
	if err == nil {
		e.Backend, e.Complete = delegated, true
		err = e.Save()
		e.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}
