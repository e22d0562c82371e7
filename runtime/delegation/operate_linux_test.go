package delegation

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// operations are the commands on a container, and what the other runtime gets.
var operations = map[string]struct {
	run  func(*box, *backends.Container) error
	want string
}{
	"start": {func(b *box, c *backends.Container) error { return b.Start(b.Context(), c) }, "start x"},
	"kill": {func(b *box, c *backends.Container) error {
		return b.Kill(b.Context(), c, syscall.SIGTERM, false)
	}, "kill x 15"},
	"kill all": {func(b *box, c *backends.Container) error {
		return b.Kill(b.Context(), c, syscall.SIGKILL, true)
	}, "kill --all x 9"},
	"exec": {func(b *box, c *backends.Container) error {
		_, err := b.Exec(b.Context(), c, runtime.ExecOptions{})
		return err
	}, "command --as given x"},
	"ps":     {func(b *box, c *backends.Container) error { _, err := b.Pids(c); return err }, "command --as given x"},
	"pause":  {func(b *box, c *backends.Container) error { return b.Pause(b.Context(), c) }, "command --as given x"},
	"resume": {func(b *box, c *backends.Container) error { return b.Resume(b.Context(), c) }, "command --as given x"},
	"update": {func(b *box, c *backends.Container) error {
		return b.Update(b.Context(), c, func() (*specs.LinuxResources, error) {
			b.Error("the limits were read")
			return nil, nil
		})
	}, "command --as given x"},
	"events": {func(b *box, c *backends.Container) error {
		return b.Events(b.Context(), c, time.Second, nil)
	}, "command --as given x"},
	"events --stats": {func(b *box, c *backends.Container) error { _, err := b.Stats(c); return err }, "command --as given x"},
	"checkpoint":     {func(b *box, c *backends.Container) error { return b.Checkpoint(c) }, "command --as given x"},
}

// TestOperations hands each command over, whether the other runtime has the container or has lost
// it, with and without a record. Only a container of which there is nothing is berth's own error.
func TestOperations(t *testing.T) {
	for name, o := range operations {
		for state, c := range map[string]struct{ recorded, complete, has bool }{
			"recorded":            {true, true, true},
			"lost":                {true, true, false},
			"being created":       {true, false, true},
			"created and no more": {true, false, false},
			"unrecorded":          {false, false, true},
			"absent":              {},
		} {
			t.Run(name+"/"+state, func(t *testing.T) {
				b := newBox(t)
				if c.recorded {
					b.record(id, func(r *backends.Container) { r.Complete = c.complete })
				}
				if c.has {
					b.fake.has[id] = specs.StateRunning
				}
				calls, err := b.run(func() error {
					found, err := b.found()
					if err != nil {
						return err
					}
					return o.run(b, found)
				})
				if !c.recorded && !c.has {
					checkAbsent(t, calls, err)
					return
				}
				if want := "handed over " + o.want; calls != want || err != nil {
					t.Errorf("%q, %v; want %q", calls, err, want)
				}
				if (b.recorded() != nil) != c.recorded {
					t.Errorf("the record is %+v", b.recorded())
				}
			})
		}
	}
}

func checkAbsent(t *testing.T, calls string, err error) {
	t.Helper()
	if calls != "" || !errors.Is(err, state.ErrNotExist) {
		t.Errorf("%q, %v; want %v", calls, err, state.ErrNotExist)
	}
}

// TestState checks that the other runtime tells the state, and that its failure is the command's.
func TestState(t *testing.T) {
	for name, c := range map[string]struct {
		recorded, has bool
		want          error
	}{
		"recorded":   {true, true, nil},
		"lost":       {true, false, errReported},
		"unrecorded": {false, true, nil},
		"absent":     {false, false, state.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			if c.recorded {
				b.record(id, func(r *backends.Container) { r.Bundle = "/b" })
			}
			if c.has {
				b.fake.has[id] = specs.StateRunning
			}
			found, err := b.found()
			var info *runtime.Info
			if err == nil {
				info, err = b.State(found)
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if info.Status != specs.StateRunning || info.Process.Pid != 7 || info.StateVersion != "1.0.0" || !info.Delegated {
				t.Errorf("%+v of %+v", info, info.Container)
			}
			if (info.Bundle == "/b") != c.recorded {
				t.Errorf("the bundle is %q", info.Bundle)
			}
		})
	}
}

// TestDelegated checks whose a record is.
func TestDelegated(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*backends.Container)
		want   bool
		err    error
	}{
		"one of ours":        {nil, true, nil},
		"the second's":       {func(c *backends.Container) { c.Backend = "other" }, true, nil},
		"of another backend": {func(c *backends.Container) { c.Backend = "lxc" }, false, nil},
		"of no backend":      {func(c *backends.Container) { c.Backend = "docker" }, false, nil},
		"damaged":            {func(c *backends.Container) { c.Data = nil }, false, state.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.record(id, c.change)
			got, err := b.Delegated(b.recorded())
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%t, %v; want %t, %v", got, err, c.want, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), "delete --force x") {
				t.Errorf("no advice: %v", err)
			}
		})
	}
}

// TestHolder checks which runtime has a container without a record.
func TestHolder(t *testing.T) {
	b := newBox(t)
	b.other.has[id] = specs.StateRunning
	b.other.has["../x"] = specs.StateRunning
	for name, want := range map[string]string{id: "other", "y": "", "../x": ""} {
		if got := b.Holder(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestGeneral checks that a command without a container goes to the runtime that is named.
func TestGeneral(t *testing.T) {
	for name, want := range map[string]string{"fake": "handed over command --as given x", "lxc": ""} {
		b := newBox(t)
		if calls, err := b.run(func() error { return b.General(name) }); calls != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, calls, err, want)
		}
	}
}

// TestAdminister checks that there is nothing to administer.
func TestAdminister(t *testing.T) {
	b := newBox(t)
	b.record(id, nil)
	if err := b.Administer(b.recorded(), []string{"config"}); err == nil || !strings.Contains(err.Error(), "its backend is fake") {
		t.Error(err)
	}
}
