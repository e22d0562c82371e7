package crun

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
)

// TestOtherRuntime checks that berth warns if the backend crun takes runc.
func TestOtherRuntime(t *testing.T) {
	var out bytes.Buffer
	logrus.SetOutput(&out)
	t.Cleanup(func() { logrus.SetOutput(os.Stderr) })
	for _, tt := range []struct {
		name, backend, runtime string
		have                   []string
		takes                  string // or "" if it is an error
		warns                  bool
	}{
		{"both", Crun, "", []string{Crun, Runc}, Crun, false},
		{"runc alone", Crun, "", []string{Runc}, Runc, true},
		{"runc for itself", Runc, "", []string{Runc}, Runc, false},
		{"runc by the configuration", Crun, Runc, []string{Runc}, Runc, false},
		{"crun alone", Runc, "", []string{Crun}, "", false},
		{"none", Crun, "", nil, "", false},
		{"not what the configuration names", Crun, "nosuch", []string{Crun, Runc}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			for _, name := range tt.have {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out.Reset()
			b := New(tt.backend, Settings{Runtime: func() string { return tt.runtime }})
			c := &backends.Container{ID: "x", Root: dir, Dir: filepath.Join(dir, "x")}
			err := b.Prepare(c, &specs.Spec{Linux: &specs.Linux{}}, func() string { return "" })
			if tt.takes == "" {
				if err == nil || !strings.Contains(err.Error(), "this host lacks the program ") || strings.Contains(err.Error(), "not found") {
					t.Errorf("error %v", err)
				}
			} else if d, derr := recalled(c); err != nil || derr != nil || d.Runtime != filepath.Join(dir, tt.takes) {
				t.Errorf("takes %+v, %v, %v", d, err, derr)
			}
			if warned := strings.Contains(out.String(), "level=warning") && strings.Contains(out.String(), filepath.Join(dir, Runc)); warned != tt.warns {
				t.Errorf("logged %q", out.String())
			}
		})
	}
}
