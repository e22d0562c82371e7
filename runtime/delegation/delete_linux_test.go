package delegation

import (
	"errors"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// What there is of a container before its delete.
type before struct {
	// record changes the record. There is none if record is nil.
	record func(*testing.T, *backends.Container)
	// has is true if the other runtime has the container.
	has bool
}

func plain(*testing.T, *backends.Container) {}

func halfMade(_ *testing.T, c *backends.Container) { c.Complete = false }

func running(t *testing.T, c *backends.Container) { c.Process = self(t) }

func stopped(t *testing.T, c *backends.Container) { c.Process = ended(t) }

func ran(t *testing.T, c *backends.Container) { c.Complete, c.Runner = false, ended(t) }

// TestDelete deletes a container with and without force. The other runtime gets the command if it
// has the container, and berth's record goes unless it can still be of use.
func TestDelete(t *testing.T) {
	const carried, forced = "carried delete x", "handed over delete --force x"
	for name, c := range map[string]struct {
		before
		force bool
		calls string
		want  error
		keeps bool
	}{
		"absent":                      {before{nil, false}, false, "", state.ErrNotExist, false},
		"absent, force":               {before{nil, false}, true, "", nil, false},
		"unrecorded":                  {before{nil, true}, false, "handed over delete x", nil, false},
		"unrecorded, force":           {before{nil, true}, true, forced, nil, false},
		"recorded":                    {before{plain, true}, false, carried, nil, false},
		"recorded, force":             {before{plain, true}, true, forced, nil, false},
		"lost":                        {before{plain, false}, false, "", state.ErrNotExist, true},
		"lost, force":                 {before{plain, false}, true, "", nil, false},
		"running":                     {before{running, true}, false, carried, nil, false},
		"running, force":              {before{running, true}, true, forced, nil, false},
		"stopped":                     {before{stopped, true}, false, "handed over delete x", nil, false},
		"stopped, force":              {before{stopped, true}, true, forced, nil, false},
		"half-made":                   {before{halfMade, true}, false, carried, nil, false},
		"half-made, force":            {before{halfMade, true}, true, forced, nil, false},
		"begun":                       {before{halfMade, false}, false, "", state.ErrNotExist, true},
		"begun, force":                {before{halfMade, false}, true, "", nil, false},
		"ran in the foreground":       {before{ran, false}, false, "", state.ErrNotExist, true},
		"ran in foreground, force":    {before{ran, false}, true, "", nil, false},
		"runs in the foreground":      {before{ran, true}, false, carried, nil, false},
		"another backend's":           {before{lxc, true}, false, "", runtime.ErrElsewhere, true},
		"another backend's, force":    {before{lxc, true}, true, "", runtime.ErrElsewhere, true},
		"damaged":                     {before{damaged, true}, false, "", state.ErrDamaged, true},
		"damaged, force, as replaced": {before{damaged, true}, true, "", state.ErrDamaged, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			if c.has {
				b.fake.has[id] = specs.StateRunning
			}
			if c.record != nil {
				b.record(id, func(r *backends.Container) { c.record(t, r) })
				if b.recordedRunner() {
					if err := b.store.Foreground(id); err != nil {
						t.Fatal(err)
					}
				}
			}
			calls, err := b.run(func() error { return b.Delete(id, c.force) })
			if calls != c.calls || !errors.Is(err, c.want) {
				t.Errorf("%q, %v; want %q, %v", calls, err, c.calls, c.want)
			}
			if b.store.Holds(id) != c.keeps {
				t.Errorf("the record is there: %t", b.store.Holds(id))
			}
			if b.noted() {
				t.Error("the container is noted")
			}
			if c.keeps && c.want == state.ErrNotExist && !strings.Contains(err.Error(), "delete --force x") {
				t.Errorf("no advice: %v", err)
			}
		})
	}
}

func lxc(_ *testing.T, c *backends.Container) { c.Backend = "lxc" }

func damaged(_ *testing.T, c *backends.Container) { c.Data = nil }

// recordedRunner is true if the record names a process that runs the container.
func (b *box) recordedRunner() bool {
	c, err := b.store.Read(id)
	return err == nil && c.Runner.Pid > 0
}

// TestDeleteFails checks that the record stays if the other runtime refuses a delete, unless it no
// longer has the container.
func TestDeleteFails(t *testing.T) {
	for _, losing := range []bool{false, true} {
		b := newBox(t)
		b.record(id, nil)
		b.fake.has[id] = specs.StateRunning
		b.fake.fail["carry"], b.fake.losing = errReported, losing
		_, err := b.run(func() error { return b.Delete(id, false) })
		if !errors.Is(err, errReported) || b.store.Holds(id) == losing {
			t.Errorf("losing %t: %v; the record is there: %t", losing, err, b.store.Holds(id))
		}
	}
}

// TestRecover checks that each runtime that has a container deletes it, and that the errors say
// which of them could not.
func TestRecover(t *testing.T) {
	for name, c := range map[string]struct {
		fake, other bool
		fail        error
		want        string
	}{
		"none":  {},
		"one":   {other: true, want: "deleted it with other"},
		"both":  {fake: true, other: true, want: "deleted it with fake, deleted it with other"},
		"fails": {fake: true, other: true, fail: errReported, want: "deleted it with other"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			for f, has := range map[*fake]bool{b.fake: c.fake, b.other: c.other} {
				if has {
					f.has[id] = specs.StateRunning
				}
			}
			b.fake.fail["carry"] = c.fail
			done, err := b.Recover(b.Context(), b.store.Damaged(id))
			if strings.Join(done, ", ") != c.want || !errors.Is(err, c.fail) {
				t.Errorf("%v, %v; want %s, %v", done, err, c.want, c.fail)
			}
			if calls := strings.Join(b.fake.calls, ""); c.fake && calls != "carried delete --force x" {
				t.Error(calls)
			}
		})
	}
}
