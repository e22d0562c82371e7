package state

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRegister(t *testing.T) {
	dir := t.TempDir()
	system, other, gone := filepath.Join(dir, "system"), filepath.Join(dir, "other"), filepath.Join(dir, "gone")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{system, other, gone, other} {
		if err := Register(system, root); err != nil {
			t.Error(err)
		}
	}
	if got := Registered(system); !slices.Equal(got, []string{other}) {
		t.Errorf("%q", got)
	}
	if err := Register(filepath.Join(dir, "missing", "\x00"), other); err == nil {
		t.Error("a directory that cannot be made: no error")
	}
	s, err := Open(system)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(); err != nil || len(list) > 0 {
		t.Errorf("containers: %q, %v", list, err)
	}
	if name := s.Foreign(); name != "" {
		t.Errorf("foreign: %s", name)
	}
}
