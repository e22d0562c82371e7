package crun

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/integration/executable"
)

// fake returns a backend whose runtime is a shell script.
func fake(t *testing.T, script string) *Backend {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crun")
	if err := executable.Write(path, []byte("#!/bin/sh\n"+script)); err != nil {
		t.Fatal(err)
	}
	return New(Crun, Settings{Runtime: func() string { return path }, Environ: os.Environ()})
}

func TestReport(t *testing.T) {
	b := fake(t, `[ "$2" = state ] && [ "$3" = x ] && echo '{"ociVersion":"1.0.0","id":"x","pid":7,"status":"running","created":"2026-11-22T23:21:19.816384Z","systemd-scope":"","annotations":{"a":"b"}}'`)
	r, err := b.Report(&backends.Container{ID: "x", Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != "x" || r.Pid != 7 || r.Status != "running" || r.Annotations["a"] != "b" || !r.Created.Equal(time.Date(2026, 11, 22, 23, 21, 19, 816384000, time.UTC)) {
		t.Errorf("got %+v", r)
	}
	if len(r.Extra) != 1 || string(r.Extra["systemd-scope"]) != `""` {
		t.Errorf("extra: %s", r.Extra)
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	container := filepath.Join(root, "@crun", "x")
	for name, c := range map[string]struct {
		script string
		want   int // -1 for an error
	}{
		"one":      {`echo '[{"id":"x","pid":1,"status":"stopped"}]'`, 1},
		"none":     {"echo '[\n\n]'", 0},
		"null":     {"echo null", 0},
		"fails":    {"echo '[]'; exit 1", -1},
		"no JSON":  {"echo ID", -1},
		"no array": {"echo '{}'", -1},
	} {
		list, err := fake(t, c.script).List(root)
		if err != nil || len(list) != 0 {
			t.Errorf("%s: without a directory: %v, %v", name, list, err)
		}
		if err := os.MkdirAll(container, 0o700); err != nil {
			t.Fatal(err)
		}
		list, err = fake(t, c.script).List(root)
		if (err != nil) != (c.want < 0) || err == nil && len(list) != c.want {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		if err := os.RemoveAll(filepath.Join(root, "@crun")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatusOfCarry(t *testing.T) {
	for script, want := range map[string]int{"exit 3": 3, "kill -9 $$": 137} {
		err := fake(t, script).Carry(&backends.Container{ID: "x"}, Call{Command: "create"})
		told, ok := err.(*Reported)
		if !ok || told.Status != want {
			t.Errorf("%s: %v", script, err)
		}
	}
	if err := fake(t, "exit 0").Carry(&backends.Container{}, Call{}); err != nil {
		t.Error(err)
	}
}

func TestHas(t *testing.T) {
	b, root := fake(t, ""), t.TempDir()
	c := &backends.Container{ID: "x", Root: root}
	if b.Has(c) {
		t.Error("there is none")
	}
	if err := os.MkdirAll(filepath.Join(root, "@crun", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !b.Has(c) {
		t.Error("there is one")
	}
}
