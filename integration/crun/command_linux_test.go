//go:build linux && testhost

package crun

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// caller calls a runtime: crun or runc alone, or berth in front of them.
type caller struct {
	*testing.T
	argv []string // the program and its global flags
	dir  string
	env  []string
	fds  []*os.File // from 3 on
}

// alone calls a runtime directly. throughBerth calls it through berth.
func alone(t *testing.T, name, root string) *caller {
	return &caller{T: t, argv: []string{name, "--root", root}}
}

func throughBerth(t *testing.T, name, root string, global ...string) *caller {
	return &caller{T: t, argv: append([]string{*program, "--root", root, "--backend", name}, global...)}
}

func (c *caller) with(global ...string) *caller {
	d := *c
	d.argv = append(slices.Clone(c.argv), global...)
	return &d
}

func (c *caller) run(args ...string) suite.Outcome {
	c.Helper()
	cmd := exec.Command(c.argv[0], append(slices.Clone(c.argv[1:]), args...)...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.ExtraFiles = c.fds
	o := suite.Execute(c.T, cmd)
	o.Stdout, o.Stderr = strings.TrimSpace(o.Stdout), strings.TrimSpace(o.Stderr)
	return o
}

// must runs a command that must succeed and returns its stdout.
func (c *caller) must(args ...string) string {
	c.Helper()
	r := c.run(args...)
	if r.Status != 0 {
		c.Fatalf("%s: status %d: %s%s", args, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}
