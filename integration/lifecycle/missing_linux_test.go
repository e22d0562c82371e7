//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// engineWords are words by which engines recognise that the container's program is missing. podman
// then exits with 127 or 126 and shows other words than berth's.
var engineWords = regexp.MustCompile(`(?i)executable file not found|no such file or directory|not found|open executable|permission denied`)

// TestMissingTool checks that create names a missing tool that berth itself needs before it makes
// anything, in words that no engine takes for a missing container program.
func TestMissingTool(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	empty, err := os.MkdirTemp(suite.Dir(), "path")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(empty) })
	config := filepath.Join(empty, "config.toml")
	if err := os.WriteFile(config, []byte("[crun]\nruntime = \"/nosuch/crun\"\n[pct]\npath = \"/nosuch/pct\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, backend, config string
		want                  []string
	}{
		{"lxc", "lxc", "", []string{"this host lacks the program lxc-start (looked in PATH, ", "LXC 5 or later"}},
		{"pct", "pct", "", []string{"the pct backend needs a node of Proxmox VE: this host lacks the program pct (looked in PATH, "}},
		{"pct, by its path", "pct", config, []string{"the pct backend needs a node of Proxmox VE: this host lacks the program /nosuch/pct: "}},
		{"crun", "crun", "", []string{"this host lacks the program crun (looked in PATH, "}},
		{"crun, by its path", "crun", config, []string{"this host lacks the program /nosuch/crun: ", "runtime in the section crun"}},
		{"runc", "runc", "", []string{"this host lacks the program runc (looked in PATH, "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "true")
			args := b.createArgs()
			cmd := b.command(args...)
			cmd.Args = []string{*program, "--root", b.root, "--backend", c.backend}
			if c.config != "" {
				cmd.Args = append(cmd.Args, "--config", c.config)
			}
			cmd.Args = append(cmd.Args, args...)
			cmd.Env = append(os.Environ(), "PATH="+empty)
			o := suite.Execute(t, cmd)
			if o.Status != 1 || strings.Count(o.Stderr, "\n") != 1 {
				t.Errorf("create: %+v", o)
			}
			for _, want := range c.want {
				if !strings.Contains(o.Stderr, want) {
					t.Errorf("no %q in %s", want, o.Stderr)
				}
			}
			if words := engineWords.FindString(o.Stderr); words != "" {
				t.Errorf("an engine takes %q for the container's program: %s", words, o.Stderr)
			}
			if _, err := os.Lstat(filepath.Join(b.root, b.id)); err == nil {
				t.Error("the record has stayed")
			}
		})
	}
}

// TestNoNode runs create on a host that has pct but is not a Proxmox VE node.
func TestNoNode(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	if *backend == "pct" {
		t.Skip("about other hosts, and this is a node")
	}
	b := newBox(t, "true")
	dir, err := os.MkdirTemp(suite.Dir(), "path")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "pct"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	args := b.createArgs()
	cmd := b.command(args...)
	cmd.Args = append([]string{*program, "--root", b.root, "--backend", "pct"}, args...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	o := suite.Execute(t, cmd)
	if o.Status != 1 || !strings.Contains(o.Stderr, "the pct backend needs a node of Proxmox VE: ") || !strings.Contains(o.Stderr, "/etc/pve/.vmlist") || engineWords.MatchString(o.Stderr) {
		t.Errorf("create: %+v", o)
	}
}
