package delegation

import (
	"errors"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

var errStep = errors.New("the step failed")

// makers are the commands that make a container, and what the other runtime gets.
var makers = map[string]struct {
	run      func(*box, *state.Entry, *runtime.Plan) error
	want     string
	complete bool
}{
	"create": {func(b *box, e *state.Entry, p *runtime.Plan) error { return b.Create(e, p) }, "carried create x", true},
	"run -d": {func(b *box, e *state.Entry, p *runtime.Plan) error { return b.Delegation.Run(e, p, true) }, "carried command --as given x", true},
	"run":    {func(b *box, e *state.Entry, p *runtime.Plan) error { return b.Delegation.Run(e, p, false) }, "handed over command --as given x", false},
}

// TestCreate makes a container with each command, for an id that is free, that is taken here or at
// another runtime, or that has only a record left.
func TestCreate(t *testing.T) {
	for name, c := range map[string]struct {
		// record changes the record that is there before. There is none if record is nil.
		record  func(*testing.T, *backends.Container)
		has     bool
		second  bool // the second runtime has the container
		held    bool
		refused string
	}{
		"free":                          {},
		"recorded":                      {record: plain, has: true, refused: "already exists"},
		"lost":                          {record: plain, refused: "already exists"},
		"unrecorded":                    {has: true, refused: "fake has it, but berth has no record of it"},
		"unrecorded, the second's":      {second: true, refused: "other has it, but berth has no record of it"},
		"another backend's":             {record: lxc, refused: "already exists"},
		"damaged":                       {record: damaged, refused: "already exists"},
		"begun and interrupted":         {record: halfMade},
		"interrupted when it was made":  {record: halfMade, has: true, refused: "already exists"},
		"ended in the foreground":       {record: ran},
		"ended, and the runtime has it": {record: ran, has: true, refused: "already exists"},
		"begins in the foreground":      {record: runs, refused: "already exists"},
		"is being created":              {record: halfMade, held: true, refused: "already exists"},
	} {
		for command, m := range makers {
			t.Run(name+"/"+command, func(t *testing.T) {
				b := newBox(t)
				if c.record != nil {
					b.record(id, func(r *backends.Container) { c.record(t, r) })
				}
				if c.held {
					b.hold()
				}
				for f, has := range map[*fake]bool{b.fake: c.has, b.other: c.second} {
					if has {
						f.has[id] = specs.StateRunning
					}
				}
				calls, err := b.run(func() error {
					e, p, err := b.claim()
					if err != nil {
						return err
					}
					defer e.Close()
					return m.run(b, e, p)
				})
				if c.refused != "" {
					if !errors.Is(err, state.ErrExist) || !strings.Contains(err.Error(), c.refused) || calls != "" {
						t.Errorf("%q, %v; want %q", calls, err, c.refused)
					}
					if b.store.Holds(id) != (c.record != nil) {
						t.Errorf("the record is there: %t", b.store.Holds(id))
					}
					return
				}
				if calls != m.want || err != nil {
					t.Errorf("%q, %v; want %q", calls, err, m.want)
				}
				b.checkMade(m.complete)
			})
		}
	}
}

func runs(t *testing.T, c *backends.Container) { c.Complete, c.Runner = false, self(t) }

// checkMade checks the record of a new container. One that is not complete runs in the foreground.
func (b *box) checkMade(complete bool) {
	b.Helper()
	c := b.recorded()
	if c == nil || c.Complete != complete || c.Backend != "fake" || c.Bundle != b.dir || c.CgroupsPath != "/c" || len(c.Data) == 0 {
		b.Fatalf("the record is %+v", c)
	}
	if runs := c.Runner == self(b.T); runs == complete || b.noted() == complete {
		b.Errorf("the container is run by %+v, noted: %t", c.Runner, b.noted())
	}
	if b.store.Busy(id) {
		b.Error("the record is locked")
	}
}

// TestCreateFails checks that nothing is left if the other runtime refuses a container or cannot
// make it.
func TestCreateFails(t *testing.T) {
	for command, m := range makers {
		for step, fail := range map[string]error{"prepare": errStep, "carry": errReported} {
			if step == "carry" && !m.complete {
				continue
			}
			t.Run(command+"/"+step, func(t *testing.T) {
				b := newBox(t)
				b.fake.fail[step] = fail
				e, p, err := b.claim()
				if err != nil {
					t.Fatal(err)
				}
				calls, err := b.run(func() error { return m.run(b, e, p) })
				if !errors.Is(err, fail) || (calls == "") != (step == "prepare") {
					t.Errorf("%q, %v; want %v", calls, err, fail)
				}
				if b.store.Holds(id) || b.noted() {
					t.Error("something is left")
				}
			})
		}
	}
}

// TestSharedCgroup checks that the other runtime learns which container has the same cgroupsPath.
func TestSharedCgroup(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*backends.Container)
		want   string
	}{
		"another path":      {func(r *backends.Container) { r.CgroupsPath = "/d" }, ""},
		"the same path":     {func(r *backends.Container) { r.CgroupsPath = "/c" }, "it has the cgroup of y"},
		"of another form":   {func(r *backends.Container) { r.CgroupsPath, r.SystemdCgroup = "/c", true }, ""},
		"another backend's": {func(r *backends.Container) { r.CgroupsPath, r.Backend = "/c", "lxc" }, "it has the cgroup of y"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.record("y", c.change)
			e, p, err := b.claim()
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.run(func() error { return b.Create(e, p) })
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestSweep checks that run clears away the records of containers that ran in the foreground and
// have ended, and no others.
func TestSweep(t *testing.T) {
	for name, c := range map[string]struct {
		record func(*testing.T, *backends.Container)
		has    bool
		keeps  bool
	}{
		"ended":       {ran, false, false},
		"runs":        {runs, false, true},
		"is there":    {ran, true, true},
		"is complete": {plain, false, true},
		"another's":   {lxc, false, true},
		"no record":   {nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			e, p, err := b.claim()
			if err == nil && c.record != nil {
				b.record("y", func(r *backends.Container) { c.record(t, r) })
			}
			if c.has {
				b.fake.has["y"] = specs.StateRunning
			}
			if err = errors.Join(err, b.store.Foreground("y")); err != nil {
				t.Fatal(err)
			}
			if _, err := b.run(func() error { return b.Delegation.Run(e, p, true) }); err != nil {
				t.Error(err)
			}
			if noted := len(b.store.ForegroundIDs()) > 0; b.store.Holds("y") != c.keeps || noted != c.keeps {
				t.Errorf("the record is there: %t, noted: %t; want %t", b.store.Holds("y"), noted, c.keeps)
			}
		})
	}
}

// TestExplain checks that explain makes nothing.
func TestExplain(t *testing.T) {
	b := newBox(t)
	e, p, err := b.claim()
	if err == nil {
		err = e.Remove()
	}
	if err != nil {
		t.Fatal(err)
	}
	c, x, err := b.Explain(p)
	if err != nil || len(x) != 1 || c.ID != id || c.Bundle != b.dir || c.Backend != "fake" {
		t.Errorf("%+v, %+v, %v", c, x, err)
	}
	if entries, err := os.ReadDir(b.store.Root()); len(entries) > 0 || len(b.fake.calls) > 0 {
		t.Errorf("made %v, %v, called %v", entries, err, b.fake.calls)
	}
}
