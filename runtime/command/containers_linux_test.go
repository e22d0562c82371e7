package command

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/delegation"
	"github.com/berth-oci/berth/runtime/state"
	"github.com/berth-oci/berth/spec"
)

// Names of the fakes' backends.
const (
	ownName   = "own"
	otherName = "other"
)

// ownFake is one of berth's own backends. It refuses to make a container.
type ownFake struct {
	backends.Backend
	calls []string
}

var errOwn = errors.New("the backend was asked")

func (f *ownFake) Name() string                    { return ownName }
func (f *ownFake) Check(*specs.Spec) spec.Problems { return nil }

func (f *ownFake) Create(context.Context, *backends.Container, *specs.Spec, backends.CreateOptions, func() error) error {
	return errOwn
}

func (f *ownFake) Explain(*backends.Container, *specs.Spec, backends.CreateOptions) (backends.Explanation, error) {
	return nil, errOwn
}

func (f *ownFake) Status(*backends.Container) (specs.ContainerState, error) {
	return specs.StateStopped, nil
}

func (f *ownFake) Delete(context.Context, *backends.Container, bool) error {
	f.calls = append(f.calls, "delete")
	return nil
}

// otherFake is another runtime. Its HandOver returns.
type otherFake struct {
	*crun.Backend
	ids   map[string]bool
	calls []string
	// look, if not nil, is called when a record is checked.
	look func()
}

func (f *otherFake) Name() string { return otherName }

func (f *otherFake) CheckRecord(*backends.Container) error {
	if f.look != nil {
		f.look()
	}
	return nil
}

func (f *otherFake) Prepare(c *backends.Container, _ *specs.Spec, _ func() string) error {
	c.Data = json.RawMessage(`{}`)
	return nil
}

var errOther = errors.New("the other runtime was asked")

func (f *otherFake) call(call crun.Call) error {
	f.calls = append(f.calls, strings.Join(append([]string{call.Command}, call.Words...), " "))
	return errOther
}

func (f *otherFake) Create(*backends.Container, backends.CreateOptions) error {
	return f.call(crun.Call{Command: "create"})
}

func (f *otherFake) Explain(*backends.Container, backends.CreateOptions) (backends.Explanation, error) {
	return nil, f.call(crun.Call{Command: "explain"})
}

func (f *otherFake) HandOver(_ *backends.Container, call crun.Call) error { return f.call(call) }
func (f *otherFake) Carry(_ *backends.Container, call crun.Call) error    { return f.call(call) }
func (f *otherFake) Has(c *backends.Container) bool                       { return f.ids[c.ID] }

func (f *otherFake) Report(*backends.Container) (*crun.Report, error) {
	return &crun.Report{Status: specs.StateRunning}, nil
}

func (f *otherFake) List(string) (list []crun.Report, err error) {
	for id := range f.ids {
		list = append(list, crun.Report{ID: id, Status: specs.StateRunning})
	}
	return list, nil
}

// pair is a state directory with one backend of berth's own and one other runtime.
type pair struct {
	*testing.T
	*containers
	store *state.Store
	mine  *ownFake
	their *otherFake
}

func newPair(t *testing.T) *pair {
	t.Helper()
	store, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{T: t, store: store, mine: &ownFake{}, their: &otherFake{ids: map[string]bool{}}}
	other := delegation.New(store, crun.Call{Command: "given"}, p.their)
	p.containers = &containers{runtime.New(store, other, runtime.Maker{Name: ownName, Make: func() (backends.Backend, error) { return p.mine, nil }}), other}
	return p
}

// record writes a complete record, or replaces one.
func (p *pair) record(id, backend string) {
	p.Helper()
	e, err := p.store.Create(id)
	if errors.Is(err, state.ErrExist) {
		e = &state.Entry{Container: p.store.Damaged(id)}
	} else if err != nil {
		p.Fatal(err)
	}
	defer e.Close()
	e.Backend, e.Complete = backend, true
	if err := e.Save(); err != nil {
		p.Fatal(err)
	}
}

// TestFind checks who gets a command on a container.
func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		has    bool
		want   string
		err    error
	}{
		"own":                      {ownName, false, ownName, nil},
		"the other's":              {otherName, true, otherName, nil},
		"lost":                     {otherName, false, otherName, nil},
		"unrecorded":               {"", true, otherName, nil},
		"own, unrecorded as well":  {ownName, true, ownName, nil},
		"absent":                   {"", false, "", state.ErrNotExist},
		"of a backend that is not": {"docker", false, "", state.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.their.ids["x"] = c.has
			if c.record != "" {
				p.record("x", c.record)
			}
			who, found, err := p.find("x")
			if err == nil {
				_, err = who.State(found)
			}
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			got := ownName
			if who == operations(p.other) {
				got = otherName
			}
			if got != c.want || found.Backend != c.want {
				t.Errorf("%s has %+v, want %s", got, found, c.want)
			}
		})
	}
}

// TestMake checks who gets a command that makes a container.
func TestMake(t *testing.T) {
	for command, c := range map[string]struct {
		run       func(*pair, *runtime.Plan) error
		own       string
		otherCall string
	}{
		"create":  {func(p *pair, plan *runtime.Plan) error { return p.create(p.Context(), plan) }, errOwn.Error(), "create"},
		"restore": {func(p *pair, plan *runtime.Plan) error { return p.restore(p.Context(), plan, false) }, "CRIU", "given"},
		"explain": {func(p *pair, plan *runtime.Plan) error { _, _, err := p.explain(plan); return err }, errOwn.Error(), "explain"},
		"run": {func(p *pair, plan *runtime.Plan) error {
			_, err := p.run(p.Context(), plan, runtime.RunOptions{Detach: true})
			return err
		}, errOwn.Error(), "given"},
	} {
		for _, backend := range []string{ownName, otherName} {
			t.Run(command+"/"+backend, func(t *testing.T) {
				p := newPair(t)
				plan, err := runtime.NewPlan("x", runtime.CreateOptions{
					Bundle: makeBundle(t, func(s *specs.Spec) { s.Process.Terminal = false }),
					Choose: func(string, *bundle.Bundle) (string, error) { return backend, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				words, calls := c.own, ""
				if backend == otherName {
					words, calls = errOther.Error(), c.otherCall
				}
				if err := c.run(p, plan); err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("%v, want %q", err, words)
				}
				if got := strings.Join(p.their.calls, ", "); got != calls {
					t.Errorf("the other runtime was called: %q, want %q", got, calls)
				}
				if p.store.Holds("x") {
					t.Error("the record is left")
				}
			})
		}
	}
}

// TestDeleteReplaced checks delete of a container that another command replaces by one of another
// backend after delete has read the record.
func TestDeleteReplaced(t *testing.T) {
	for _, force := range []bool{false, true} {
		p := newPair(t)
		p.their.ids["x"] = true
		p.record("x", otherName)
		p.their.look = func() {
			p.their.look = nil
			p.record("x", ownName)
		}
		if err := p.delete(t.Context(), "x", force); err != nil {
			t.Error(err)
		}
		if strings.Join(p.mine.calls, "") != "delete" || len(p.their.calls) > 0 || p.store.Holds("x") {
			t.Errorf("force %t: the backend was called: %v, the other runtime: %v", force, p.mine.calls, p.their.calls)
		}
	}
}

// TestListMerged checks that list shows the containers of both in the order of their ids.
func TestListMerged(t *testing.T) {
	p := newPair(t)
	for id, backend := range map[string]string{"e": ownName, "d": otherName, "c": otherName, "b": ownName, "a": otherName} {
		p.record(id, backend)
	}
	for _, id := range []string{"b", "c", "d", "f"} {
		p.their.ids[id] = true
	}
	if err := os.WriteFile(p.store.Dir("d")+"/state.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := p.List()
	if err != nil {
		t.Error(err)
	}
	var got []string
	for _, i := range list {
		s := i.ID + " " + i.Container.Backend + " " + string(i.Status)
		if i.Unrecorded {
			s += " unrecorded"
		}
		got = append(got, s)
	}
	want := "a other lost, b own stopped, b other running unrecorded, c other running, d  damaged, e own stopped, f other running unrecorded"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
}
