package runtime

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWritePidFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pid")
	// A berth that was killed can have left its temporary file behind.
	if err := os.WriteFile(filepath.Join(dir, ".pid"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, pid := range map[string]int{"1": 1, "4194304": 1 << 22} {
		if err := writePidFile(path, pid); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if err := writePidFile(filepath.Join(dir, "none", "pid"), 1); err == nil {
		t.Error("no error")
	}
}
