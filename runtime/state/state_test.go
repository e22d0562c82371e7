package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCheckID(t *testing.T) {
	t.Parallel()
	for id, valid := range map[string]bool{
		"a": true, "A_b+c.d-9": true, strings.Repeat("x", 255): true, "...": true, ".hidden": true,
		"": false, ".": false, "..": false, "a/b": false, "../x": false, "a b": false, "a\nb": false, "a\x00b": false,
		"@seccomp": false, "é": false, "a=b": false, "$(id)": false, strings.Repeat("x", 256): false,
	} {
		err := CheckID(id)
		if valid != (err == nil) {
			t.Errorf("%q: %v, want valid: %v", id, err, valid)
		}
		if err != nil && !errors.Is(err, ErrInvalidID) {
			t.Errorf("%q: %v is not ErrInvalidID", id, err)
		}
	}
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "root"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLife(t *testing.T) {
	t.Parallel()
	s := open(t)
	if _, err := s.Read("c"); !errors.Is(err, ErrNotExist) {
		t.Errorf("read of nothing: %v", err)
	}
	e, err := s.Create("c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create("c"); !errors.Is(err, ErrExist) {
		t.Errorf("second create: %v", err)
	}
	if !s.Busy("c") {
		t.Error("not busy while it is held")
	}
	if _, err := s.Lock("c", 20*time.Millisecond); !errors.Is(err, ErrBusy) {
		t.Errorf("lock of a held one: %v", err)
	}
	e.Backend = "lxc"
	e.Bundle = "/b\nundle"
	e.Annotations = map[string]string{"k": "v"}
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(e.Dir, recordName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record's mode: %v, %v", info.Mode(), err)
	}
	e.Close()
	got, err := s.Read("c")
	if err != nil || got.Bundle != "/b\nundle" || got.Annotations["k"] != "v" || got.Root != s.Root() {
		t.Errorf("read back %+v, %v", got, err)
	}
	again, err := s.Lock("c", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(again.Dir, "more"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(again.Dir); !os.IsNotExist(err) {
		t.Errorf("left after Remove: %v", err)
	}
	if ids, err := s.List(); err != nil || len(ids) != 0 {
		t.Errorf("list: %v, %v", ids, err)
	}
}

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	s := open(t)
	e, err := s.Create("c")
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if err := os.WriteFile(filepath.Join(s.Root(), "c", recordName), []byte(`{"id": 7`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("c"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("read: %v", err)
	}
}

// TestConcurrency checks that only one of many creates at a time succeeds, and that a container
// that was deleted and made again while somebody waited for its lock is the new one.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	s := open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 30 {
				e, err := s.Create("c")
				if errors.Is(err, ErrExist) {
					if e, err = s.Lock("c", 5*time.Second); errors.Is(err, ErrNotExist) {
						continue
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				e.Backend = "lxc"
				if err := e.Save(); err != nil {
					t.Error(err)
				}
				if err := e.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if ids, err := s.List(); err != nil || len(ids) != 0 {
		t.Errorf("left: %v, %v", ids, err)
	}
}

func TestListIgnoresWhatIsNoContainer(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"@seccomp", "b", "a"} {
		if err := os.MkdirAll(filepath.Join(s.Root(), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Root(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ids, err := s.List()
	if err != nil || strings.Join(ids, " ") != "a b" {
		t.Errorf("list: %v, %v", ids, err)
	}
}

// TestOpenThroughLinks checks that Open resolves all symbolic links in the part of the path that
// exists.
func TestOpenThroughLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": ".", "dangling": "absent", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for root, want := range map[string]string{
		"":              "",
		"link":          "",
		"link/run/x":    "run/x",
		"link/link/run": "run",
		"dangling/x":    "dangling/x", // Create reports the error
		"loop/x":        "-",
	} {
		s, err := Open(filepath.Join(dir, root))
		if want == "-" {
			if err == nil {
				t.Errorf("%s: no error", root)
			}
			continue
		}
		if err != nil || s.Root() != filepath.Join(dir, want) {
			t.Errorf("%s: %v, %v, want %s", root, s, err, want)
		}
	}
}
