package lxcconf

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/integration/executable"
)

// TestVersion checks which versions of LXC are good enough. It changes PATH, so it is not parallel.
func TestVersion(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		version string
		words   string // of the error
	}{
		"LXC 5":       {"echo 5.0.2", "5.0.2", ""},
		"LXC 10":      {"echo 10.0", "10.0", ""},
		"development": {"echo 6.0.5-devel", "6.0.5-devel", ""},
		"no number":   {"echo devel", "devel", ""},
		"too old":     {"echo 4.0.12", "4.0.12", "too old: install LXC 5 or later"},
		"broken":      {"echo no liblxc >&2; exit 127", "", "exit status 127: no liblxc"},
		"hangs":       {"exec sleep 1000", "", "no answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "hangs" {
				defer func(before time.Duration) { patience = before }(patience)
				patience = 100 * time.Millisecond
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "lxc-start")
			script := "#!/bin/sh\n[ \"$*\" = --version ] && [ -z \"$SECRET\" ] || exit 9\n" + c.script + "\n"
			if err := executable.Write(path, []byte(script)); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":/bin:/usr/bin")
			t.Setenv("SECRET", "x") // the program does not see berth's environment
			tool, err := Version()
			if tool.Name != "lxc-start" || tool.Path != path || tool.Version != c.version {
				t.Errorf("%+v", tool)
			}
			if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if cause := Cause(newJob("/run/berth/c")); (cause == nil) != (c.words == "") {
				t.Errorf("cause %v", cause)
			}
		})
	}
}

// TestNoLXC checks that the error says what to install, and does not look like a missing program of
// the container.
func TestNoLXC(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	tool, err := Version()
	var missing *backends.Missing
	if tool.Path != "" || !errors.As(err, &missing) || !strings.Contains(err.Error(), "lxc.path") {
		t.Errorf("%+v, %v", tool, err)
	}
}
