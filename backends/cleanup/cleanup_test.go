package cleanup

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

var errBusy = errors.New("busy")

// All functions are called once, the last one first, whatever they return.
func TestClean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails []bool // in the order in which the functions are added
		want  string
	}{
		"empty":          {nil, ""},
		"one":            {[]bool{false}, ""},
		"one that fails": {[]bool{true}, "0: busy"},
		"several":        {[]bool{false, false, false}, ""},
		"the first":      {[]bool{true, false, false}, "0: busy"},
		"the last":       {[]bool{false, false, true}, "2: busy"},
		"two of them":    {[]bool{true, false, true}, "2: busy\n0: busy"},
	} {
		var s Stack
		var called []int
		for i, fails := range c.fails {
			s.Add(func() error {
				called = append(called, i)
				if fails {
					return fmt.Errorf("%d: %w", i, errBusy)
				}
				return nil
			})
		}
		got := ""
		err := s.Clean()
		if err != nil {
			got = err.Error()
		}
		if got != c.want || errors.Is(err, errBusy) != (c.want != "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !slices.IsSortedFunc(called, func(a, b int) int { return b - a }) || len(called) != len(c.fails) {
			t.Errorf("%s: called in the order %v", name, called)
		}
		if err := s.Clean(); err != nil || len(called) != len(c.fails) {
			t.Errorf("%s: the second time: %v, called: %v", name, err, called)
		}
	}
}

// Release forgets what was added before, and nothing of what is added later.
func TestRelease(t *testing.T) {
	t.Parallel()
	var called []string
	note := func(name string) func() error {
		return func() error { called = append(called, name); return nil }
	}
	s := Make(note("before"))
	s.Add(note("before, too"))
	s.Release()
	if err := s.Clean(); err != nil || len(called) > 0 {
		t.Errorf("%v, called: %v", err, called)
	}
	s.Add(note("after"))
	if err := s.Clean(); err != nil || !slices.Equal(called, []string{"after"}) {
		t.Errorf("%v, called: %v", err, called)
	}
}

// A function that fails may add what is still to be done, for the next Clean.
func TestAddWhileCleaning(t *testing.T) {
	t.Parallel()
	again := 0
	var s Stack
	s = Make(func() error {
		s.Add(func() error { again++; return nil })
		return errBusy
	})
	if err := s.Clean(); !errors.Is(err, errBusy) || again != 0 {
		t.Errorf("%v, again: %d", err, again)
	}
	if err := s.Clean(); err != nil || again != 1 {
		t.Errorf("%v, again: %d", err, again)
	}
}
