//go:build linux && testhost

package crun

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// caller calls a runtime: crun or runc alone, or berth in front of them.
type caller struct {
	*testing.T
	argv []string // the program and its global flags
	dir  string
	env  []string
	fds  []*os.File // from 3 on
}

// result is the output and exit status of a command.
type result struct {
	stdout, stderr string
	status         int
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

func (c *caller) run(args ...string) result {
	c.Helper()
	cmd := exec.Command(c.argv[0], append(slices.Clone(c.argv[1:]), args...)...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.ExtraFiles = c.fds
	// The output goes to files because with a pipe Run would wait until the container closes it.
	stdout, stderr := c.temporary(), c.temporary()
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		c.Fatalf("%s: %v", cmd, err)
	}
	return result{stdout: contents(c.T, stdout), stderr: contents(c.T, stderr), status: cmd.ProcessState.ExitCode()}
}

// must runs a command that must succeed and returns its stdout.
func (c *caller) must(args ...string) string {
	c.Helper()
	r := c.run(args...)
	if r.status != 0 {
		c.Fatalf("%s: status %d: %s%s", args, r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

func (c *caller) temporary() *os.File {
	f, err := os.CreateTemp(workDir, "out")
	if err != nil {
		c.Fatal(err)
	}
	os.Remove(f.Name())
	return f
}

func contents(t *testing.T, f *os.File) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
