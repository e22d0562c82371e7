package delegation

import (
	"errors"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

// TestList checks what list says of a container in each state, and which records it removes.
func TestList(t *testing.T) {
	for name, c := range map[string]struct {
		before
		held     bool
		unlisted bool // the other runtime's list fails
		silent   bool // and so does its state
		want     specs.ContainerState
		fails    bool
		removes  bool
	}{
		"absent":                       {},
		"recorded":                     {before: before{plain, true}, want: specs.StateRunning},
		"unrecorded":                   {before: before{nil, true}, want: specs.StateRunning},
		"lost":                         {before: before{plain, false}, want: runtime.StateLost},
		"is being deleted":             {before: before{plain, false}, held: true, want: specs.StateCreating},
		"is being created":             {before: before{halfMade, false}, held: true, want: specs.StateCreating},
		"half-made":                    {before: before{halfMade, true}, want: specs.StateRunning},
		"begun and interrupted":        {before: before{halfMade, false}, removes: true},
		"begins in the foreground":     {before: before{runs, false}, want: specs.StateCreating},
		"ended in the foreground":      {before: before{ran, false}, removes: true},
		"no list, absent":              {unlisted: true, fails: true},
		"no list, recorded":            {before: before{plain, true}, unlisted: true, want: specs.StateRunning, fails: true},
		"no list, lost":                {before: before{plain, false}, unlisted: true, fails: true},
		"no list, unrecorded":          {before: before{nil, true}, unlisted: true, fails: true},
		"no list, half-made":           {before: before{halfMade, true}, unlisted: true, want: specs.StateRunning, fails: true},
		"no list nor state":            {before: before{plain, true}, unlisted: true, silent: true, fails: true},
		"no list nor state, half-made": {before: before{halfMade, true}, unlisted: true, silent: true, want: specs.StateCreating, fails: true},
		"no list, ended":               {before: before{ran, false}, unlisted: true, fails: true, removes: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			var records []*backends.Container
			if c.record != nil {
				b.record(id, func(r *backends.Container) { c.record(t, r) })
				records = append(records, b.recorded())
			}
			if c.has {
				b.fake.has[id], b.fake.hidden = specs.StateRunning, c.unlisted
			}
			if c.held {
				b.hold()
			}
			if c.unlisted {
				b.fake.fail["list"] = errStep
			}
			if c.silent {
				b.fake.fail["report"] = errReported
			}
			list, err := b.List(records)
			if errors.Is(err, errStep) != c.fails {
				t.Errorf("%v; fails: %t", err, c.fails)
			}
			var got specs.ContainerState
			for _, i := range list {
				got += i.Status
				if i.ID != id || i.Container.Backend != "fake" || !i.Delegated || i.Unrecorded != (c.record == nil) {
					t.Errorf("%+v of %+v", i, i.Container)
				}
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if kept := b.store.Holds(id); kept != (c.record != nil && !c.removes) {
				t.Errorf("the record is there: %t", kept)
			}
		})
	}
}

// TestListLate checks that a container that the other runtime did not list because its create had
// not come that far is not lost.
func TestListLate(t *testing.T) {
	b := newBox(t)
	b.record(id, nil)
	b.fake.has[id], b.fake.hidden = specs.StateCreated, true
	for _, fail := range []error{nil, errReported} {
		want := specs.StateCreated
		if fail != nil {
			want = specs.StateCreating
		}
		b.fake.fail["report"] = fail
		list, err := b.List([]*backends.Container{b.recorded()})
		if err != nil || len(list) != 1 || list[0].Status != want {
			t.Errorf("%+v, %v; want %s", list, err, want)
		}
	}
}

// TestListOfTwo checks that a record and a container of the same id at different runtimes are two.
func TestListOfTwo(t *testing.T) {
	b := newBox(t)
	b.record(id, nil)
	b.other.has[id] = specs.StateRunning
	list, err := b.List([]*backends.Container{b.recorded()})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, i := range list {
		lost, unrecorded := i.Container.Backend == "fake", i.Container.Backend == "other"
		if (i.Status == runtime.StateLost) != lost || i.Unrecorded != unrecorded {
			t.Errorf("%+v of %+v", i, i.Container)
		}
	}
}
