package state

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/berth-oci/berth/backends"
)

// made makes a container with a record, and locks it.
func made(t *testing.T, s *Store, id string) *Entry {
	t.Helper()
	e, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.Backend = "lxc"
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestOwed notes deletes that have begun, with their reason in the record.
func TestOwed(t *testing.T) {
	t.Parallel()
	s := open(t)
	if ids, aside := s.Owed(0); len(ids) > 0 || aside {
		t.Errorf("nothing is owed: %q, %t", ids, aside)
	}
	if lock := s.LockOwed(); lock != nil {
		t.Error("what is not there is locked")
	}
	s.Settle("a")
	a, b := made(t, s, "a"), made(t, s, "b")
	if err := errors.Join(s.Owe(a, ""), s.Owe(b, "is backed up")); err != nil {
		t.Fatal(err)
	}
	if ids, aside := s.Owed(0); !slices.Equal(ids, []string{"a", "b"}) || aside {
		t.Errorf("%q, %t", ids, aside)
	}
	if ids, _ := s.Owed(time.Hour); len(ids) > 0 {
		t.Errorf("tried a moment ago: %q", ids)
	}
	first := a.Owed.Since
	if time.Since(first) > time.Minute || time.Since(first) < 0 {
		t.Errorf("since %v", first)
	}
	if err := s.Owe(a, "again"); err != nil {
		t.Fatal(err)
	}
	for id, why := range map[string]string{"a": "again", "b": "is backed up"} {
		c, err := s.Read(id)
		if err != nil || c.Owed == nil || c.Owed.Why != why {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
		if id == "a" && !c.Owed.Since.Equal(first) {
			t.Errorf("since %v, and was since %v", c.Owed.Since, first)
		}
	}
	// What is no note of a container does not count.
	if err := os.WriteFile(s.owed("no id!"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Settle("a")
	if ids, _ := s.Owed(0); !slices.Equal(ids, []string{"b"}) {
		t.Errorf("%q", ids)
	}
	if ids, err := s.List(); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("the notes look like containers: %q, %v", ids, err)
	}
}

// TestLockOwed checks that only one process at a time finishes deletes.
func TestLockOwed(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.Owe(made(t, s, "a"), ""); err != nil {
		t.Fatal(err)
	}
	lock := s.LockOwed()
	if lock == nil {
		t.Fatal("it cannot be locked")
	}
	if again := s.LockOwed(); again != nil {
		t.Error("it is locked twice")
	}
	lock.Close()
	if again := s.LockOwed(); again == nil {
		t.Error("it stays locked")
	} else {
		again.Close()
	}
}

// TestSetAside frees the ids of containers whose deletes did not finish. Their records keep their
// ids and their state directory.
func TestSetAside(t *testing.T) {
	t.Parallel()
	s := open(t)
	for n := 1; n <= 3; n++ {
		e := made(t, s, "a")
		e.Bundle = strconv.Itoa(n)
		if err := s.Owe(e, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.SetAside(e); err != nil {
			t.Fatal(err)
		}
		if e.Dir != s.owed(strconv.Itoa(n)) || s.Holds("a") {
			t.Errorf("%s, the id is taken: %t", e.Dir, s.Holds("a"))
		}
		if err := e.Save(); err != nil { // where it is now
			t.Error(err)
		}
		e.Close()
	}
	if ids, aside := s.Owed(0); len(ids) > 0 || !aside {
		t.Errorf("%q, %t", ids, aside)
	}
	store := s.Aside()
	names, err := store.List()
	if err != nil || !slices.Equal(names, []string{"1", "2", "3"}) {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		e, err := store.Lock(name, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != "a" || e.Bundle != name || e.Root != s.Root() || e.Dir != store.Dir(name) {
			t.Errorf("%s: %+v", name, e.Container)
		}
		if err := store.Owe(e, "still"); err != nil {
			t.Error(err)
		}
		if ids, _ := s.Owed(0); len(ids) > 0 {
			t.Errorf("a record that was set aside is noted by its id: %q", ids)
		}
		if err := e.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, aside := s.Owed(0); aside {
		t.Error("something is set aside still")
	}
	e := made(t, s, "b")
	if err := os.RemoveAll(s.owed("")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetAside(e); err == nil || !s.Holds("b") {
		t.Errorf("without a place for it: %v", err)
	}
}

func TestForeground(t *testing.T) {
	t.Parallel()
	s := open(t)
	if ids := s.ForegroundIDs(); len(ids) > 0 {
		t.Errorf("%q", ids)
	}
	if err := s.Foreground("a"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a state directory: %v", err)
	}
	made(t, s, "x")
	for _, id := range []string{"a", "b", "a"} {
		if err := s.Foreground(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Root(), foregroundDir, "no id!"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ids := s.ForegroundIDs(); !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("%q", ids)
	}
	s.Background("a")
	s.Background("never")
	if ids := s.ForegroundIDs(); !slices.Equal(ids, []string{"b"}) {
		t.Errorf("%q", ids)
	}
	if ids, err := s.List(); err != nil || !slices.Equal(ids, []string{"x"}) {
		t.Errorf("the notes look like containers: %q, %v", ids, err)
	}
}

// TestDiscard checks when the record of a failed create stays.
func TestDiscard(t *testing.T) {
	t.Parallel()
	failed := errors.New("no such file")
	for err, stays := range map[error]bool{failed: false, errors.Join(failed, backends.ErrLeftBehind): true} {
		s := open(t)
		e := made(t, s, "a")
		if got := e.Discard(err); !errors.Is(got, failed) || s.Holds("a") != stays {
			t.Errorf("%v, the record is there: %t", got, s.Holds("a"))
		}
		e.Close()
		e.Close() // can be repeated
	}
	s := open(t)
	e := made(t, s, "a")
	if err := os.RemoveAll(e.Dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Discard(failed); !errors.Is(err, failed) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
