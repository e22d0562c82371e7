//go:build cgo

package seccomp

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// moderate is a profile like those of engines: a list of allowed calls, some of them depending on
// arguments.
func moderate(t testing.TB) *specs.LinuxSeccomp {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "moderate.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(specs.LinuxSeccomp)
	if err := json.Unmarshal(data, s); err != nil {
		t.Fatal(err)
	}
	return s
}
