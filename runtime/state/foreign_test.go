package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestForeign checks that a directory counts as a container only if a berth create left it there.
func TestForeign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode  os.FileMode
		files map[string]string
		want  error
	}{
		"a create that was interrupted at once": {0o700, nil, nil},
		"while it wrote its record":             {0o711, map[string]string{".state.json123": "{"}, nil},
		"an empty directory of the host's":      {0o755, nil, ErrNotExist},
		"one with something in it":              {0o711, map[string]string{"file": ""}, ErrNotExist},
		"runc's":                                {0o711, map[string]string{recordName: `{"id":"x","init_process_pid":7,"config":{}}`}, ErrNotExist},
		"a damaged record":                      {0o711, map[string]string{recordName: `{"id":"x"}`}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(s.dir("x"), 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				if err := os.WriteFile(filepath.Join(s.dir("x"), file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(s.dir("x"), c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read("x"); !errors.Is(err, c.want) {
				t.Errorf("read: %v, want %v", err, c.want)
			}
			e, err := s.Lock("x", 0)
			if !errors.Is(err, c.want) {
				t.Errorf("lock: %v, want %v", err, c.want)
			}
			if err == nil {
				e.Close()
			}
			if foreign := s.Foreign(); (foreign != "") != (c.want == ErrNotExist && name != "runc's") {
				t.Errorf("foreign: %q", foreign)
			}
		})
	}
}
