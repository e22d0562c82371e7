package backends

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// engineWords are the messages by which podman and Docker conclude that the container's program is
// missing or cannot be executed.
var engineWords = regexp.MustCompile(`(?i)executable file not found|no such file or directory|not found|open executable|permission denied|operation not permitted`)

func TestFindTool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for name, mode := range map[string]os.FileMode{"tool": 0o755, "text": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, tool, want string
		is               error
	}{
		{"there", "tool", "", nil},
		{"there, by its path", filepath.Join(dir, "tool"), "", nil},
		{"missing", "nosuch-start", "this host lacks the program nosuch-start (looked in PATH, ", exec.ErrNotFound},
		{"missing, by its path", "/nosuch/start", "this host lacks the program /nosuch/start: ", fs.ErrNotExist},
		{"not executable", "text", "this host lacks the program text ", exec.ErrNotFound},
		{"not executable, by its path", filepath.Join(dir, "text"), "text is not an executable file: ", fs.ErrPermission},
		{"a directory", dir, "cannot be used", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, err := FindTool(tt.tool, "install it")
			if tt.want == "" {
				if err != nil || path != filepath.Join(dir, "tool") {
					t.Errorf("got %q, %v", path, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), ": install it") {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if words := engineWords.FindString(err.Error()); words != "" {
				t.Errorf("an engine takes %q in %q for the container's program", words, err)
			}
			var missing *Missing
			if !errors.As(err, &missing) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%#v is no %v", err, tt.is)
			}
		})
	}
}
