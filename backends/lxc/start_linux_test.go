package lxc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/integration/executable"
)

// fakeLXC puts a directory with an lxc-start that prints a version on PATH, before the others.
func fakeLXC(t *testing.T, version string) (path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "lxc-start")
	if err := executable.Write(path, []byte("#!/bin/sh\necho "+version+"\n")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return path
}

// TestStartError checks that an error of lxc-start says what LXC said, or where to look, and why if
// the host shows it.
func TestStartError(t *testing.T) {
	failed := errors.New("exit status 1")
	const begin = "start LXC container berth-x@"
	for name, c := range map[string]struct {
		version, stderr string
		want            []string
	}{
		"what LXC said":    {"5.0.2", "lxc-start: x: ../src/lxc/start.c: start: 2209 Failed to exec\n", []string{begin, "exit status 1: LXC says: Failed to exec"}},
		"LXC said nothing": {"5.0.2", "", []string{begin, "exit status 1", "berth doctor"}},
		"LXC is too old":   {"4.0.6", "lxc-start: x: ../src/lxc/confile.c: parse: 1 unknown key\n", []string{"LXC 4.0.6", "install LXC 5", begin, "LXC says: unknown key"}},
	} {
		t.Run(name, func(t *testing.T) {
			fakeLXC(t, c.version)
			root := t.TempDir()
			j := newJob(t, &backends.Container{ID: "x", Root: root}, specs.LinuxNamespace{Type: specs.PIDNamespace})
			if err := os.Mkdir(j.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(stderrFile(j.Container), []byte(c.stderr), 0o600); err != nil {
				t.Fatal(err)
			}
			err := startError(j, failed)
			if !errors.Is(err, failed) {
				t.Errorf("%v does not wrap the failure", err)
			}
			rest := err.Error()
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("%v: no %q, in this order", err, want)
				}
				rest = after
			}
		})
	}
}

func TestVersions(t *testing.T) {
	path := fakeLXC(t, "5.0.2")
	tools, err := Enclosure{}.Versions()
	if err != nil || len(tools) != 1 || tools[0] != (backends.Tool{Name: "lxc-start", Path: path, Version: "5.0.2"}) {
		t.Errorf("%v, %v", tools, err)
	}
	t.Setenv("PATH", t.TempDir())
	var missing *backends.Missing
	if tools, err := (Enclosure{}).Versions(); len(tools) != 0 || !errors.As(err, &missing) {
		t.Errorf("without LXC: %v, %v", tools, err)
	}
	if err := (Enclosure{}).Usable(); !errors.As(err, &missing) {
		t.Errorf("usable without LXC: %v", err)
	}
}

// sleeper starts a process that sleeps for so long, and reaps it.
func sleeper(t *testing.T, seconds string) backends.Process {
	t.Helper()
	cmd := exec.Command("sleep", seconds)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := backends.FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(reaped)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-reaped
	})
	return p
}

// TestEndMonitor checks that the monitor may end by itself, and that it is killed if there is no time
// for that.
func TestEndMonitor(t *testing.T) {
	t.Parallel()
	d := &enclosure.Data{Name: "berth-x", StubInit: sleeper(t, "0.05"), Monitor: sleeper(t, "0.1")}
	if err := (Enclosure{}).endMonitor(t.Context(), d); err != nil || d.Monitor.Alive() {
		t.Errorf("%v, and the monitor is alive: %v", err, d.Monitor.Alive())
	}
	d = &enclosure.Data{Name: "berth-x", StubInit: sleeper(t, "1000"), Monitor: sleeper(t, "1000")}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Enclosure{}).endMonitor(ctx, d); err != nil && !strings.Contains(err.Error(), "berth-x") {
		t.Errorf("error %v", err)
	}
	for name, p := range map[string]backends.Process{"stub init": d.StubInit, "monitor": d.Monitor} {
		if err := p.WaitGone(t.Context(), time.Minute); err != nil {
			t.Errorf("the %s: %v", name, err)
		}
	}
}

// TestNothingToDestroy checks that a container without an enclosure has nothing to destroy.
func TestNothingToDestroy(t *testing.T) {
	t.Parallel()
	d := &enclosure.Data{Cgroup: "/nowhere", Limits: "/nowhere", Claimed: true}
	if err := (Enclosure{}).DestroyEnclosure(t.Context(), &backends.Container{}, d); err != nil {
		t.Error(err)
	}
}
