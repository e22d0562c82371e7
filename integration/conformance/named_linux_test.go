//go:build linux

package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNames checks that the tests exist that docs/conformance.md names, and that the validation
// programs are built from the version of runtime-tools that berth itself uses.
func TestNames(t *testing.T) {
	for _, e := range elsewhere {
		if e.test == "" {
			continue
		}
		dir, name, _ := strings.Cut(e.test, " ")
		files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			data, _ := os.ReadFile(file)
			found = found || bytes.Contains(data, []byte("\nfunc "+name+"(t *testing.T)"))
		}
		if !found {
			t.Errorf("%s: there is no %s", dir, name)
		}
	}
	const module = "github.com/opencontainers/runtime-tools "
	pinned := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\t"+module)
		version, _, _ := strings.Cut(rest, "\n")
		version, _, _ = strings.Cut(version, " ")
		return version
	}
	if a, b := pinned("../../go.mod"), pinned("peers/validation/go.mod"); a == "" || a != b {
		t.Errorf("runtime-tools is %q in go.mod and %q in peers/validation/go.mod", a, b)
	}
}
