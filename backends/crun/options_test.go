package crun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/integration/executable"
)

func TestGlobals(t *testing.T) {
	for name, c := range map[string]struct {
		globals    Globals
		crun, runc string // "!" for an error
	}{
		"none":               {Globals{}, "--root=/r", "--root=/r"},
		"both know":          {Globals{Debug: true, Log: "l o g", LogFormat: "json"}, "--root=/r|--debug|--log=l o g|--log-format=json", "--root=/r|--debug|--log=l o g|--log-format=json"},
		"a log like a flag":  {Globals{Log: "--debug"}, "--root=/r|--log=--debug", "--root=/r|--log=--debug"},
		"systemd":            {Globals{SystemdCgroup: true}, "--root=/r|--systemd-cgroup", "--root=/r|--systemd-cgroup"},
		"manager systemd":    {Globals{CgroupManager: "systemd"}, "--root=/r|--cgroup-manager=systemd", "--root=/r|--systemd-cgroup"},
		"manager cgroupfs":   {Globals{CgroupManager: "cgroupfs"}, "--root=/r|--cgroup-manager=cgroupfs", "--root=/r"},
		"manager disabled":   {Globals{CgroupManager: "disabled"}, "--root=/r|--cgroup-manager=disabled", "!"},
		"both said":          {Globals{SystemdCgroup: true, CgroupManager: "cgroupfs"}, "--root=/r|--systemd-cgroup|--cgroup-manager=cgroupfs", "--root=/r|--systemd-cgroup"},
		"rootless":           {Globals{Rootless: "true"}, "--root=/r", "--root=/r|--rootless=true"},
		"rootless if needed": {Globals{Rootless: "auto"}, "--root=/r", "--root=/r|--rootless=auto"},
	} {
		t.Run(name, func(t *testing.T) {
			for f, want := range map[flavour]string{crunFlavour: c.crun, runcFlavour: c.runc} {
				got, err := c.globals.args(f, "/r")
				switch {
				case want == "!" && err == nil:
					t.Errorf("flavour %d: no error", f)
				case want != "!" && (err != nil || strings.Join(got, "|") != want):
					t.Errorf("flavour %d: got %q, %v, want %s", f, got, err, want)
				}
			}
		})
	}
}

func TestArgs(t *testing.T) {
	for name, c := range map[string]struct {
		got  []string
		want string
	}{
		"create": {createOptions{Bundle: "/b"}.args("x"), "--bundle=/b|x"},
		"create with all": {createOptions{Bundle: "/b", CreateOptions: backends.CreateOptions{
			ConsoleSocket: "c", PidfdSocket: "f", PidFile: "p", NoPivot: true, NoNewKeyring: true, PreserveFDs: 2, ListenFDs: 1,
		}}.args("x"), "--bundle=/b|--console-socket=c|--pidfd-socket=f|--pid-file=p|--no-pivot|--no-new-keyring|--preserve-fds=2|x"},
		"kill":         {killOptions{Signal: syscall.SIGTERM}.args("x"), "x|15"},
		"kill all":     {killOptions{Signal: syscall.SIGKILL, All: true}.args("x"), "--all|x|9"},
		"kill with 0":  {killOptions{}.args("x"), "x|0"},
		"delete":       {deleteOptions{}.args("x"), "x"},
		"delete force": {deleteOptions{Force: true}.args("x"), "--force|x"},
	} {
		if got := strings.Join(c.got, "|"); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// program writes an executable file.
func program(t *testing.T, path string) string {
	t.Helper()
	if err := executable.Write(path, []byte("#!/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlavour(t *testing.T) {
	dir := t.TempDir()
	runc := program(t, filepath.Join(dir, "runc-1.5"))
	crun := program(t, filepath.Join(dir, "crun"))
	links := map[string]string{"oci": runc, "oci2": crun}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]flavour{
		runc: runcFlavour, crun: crunFlavour, filepath.Join(dir, "oci"): runcFlavour, filepath.Join(dir, "oci2"): crunFlavour,
		"/nosuch/runc": runcFlavour, "/nosuch/crun-vm": crunFlavour, "/nosuch/other": crunFlavour,
	} {
		if got := flavourOf(path); got != want {
			t.Errorf("%s: got %d", path, got)
		}
	}
}

// TestFind is not parallel, because it changes PATH.
func TestFind(t *testing.T) {
	both, one, none := t.TempDir(), t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(both, "crun"), filepath.Join(both, "runc"), filepath.Join(one, "runc")} {
		program(t, path)
	}
	for name, c := range map[string]struct {
		backend, setting, path, want string // want empty for an error
	}{
		"crun":                {Crun, "", both, both + "/crun"},
		"runc":                {Runc, "", both, both + "/runc"},
		"runc for crun":       {Crun, "", one, one + "/runc"},
		"none for crun":       {Crun, "", none, ""},
		"none for runc":       {Runc, "", none, ""},
		"configured path":     {Crun, one + "/runc", both, one + "/runc"},
		"configured name":     {Crun, "runc", both, both + "/runc"},
		"configured, missing": {Crun, none + "/crun", both, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			b := New(c.backend, Settings{Runtime: func() string { return c.setting }})
			got, err := b.find()
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
			if (b.Usable() == nil) != (c.want != "") {
				t.Error("Usable says otherwise")
			}
		})
	}
}

// TestCommand checks that a container stays with the program that created it, as long as that
// exists.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	first, second := program(t, filepath.Join(dir, "runc")), program(t, filepath.Join(dir, "crun"))
	setting := first
	b := New(Crun, Settings{Runtime: func() string { return setting }, Globals: Globals{CgroupManager: "systemd"}})
	c := &backends.Container{ID: "x", Root: "/r"}
	if err := b.Prepare(c, &specs.Spec{}, func() string { return "" }); err != nil {
		t.Fatal(err)
	}
	setting = second
	check := func(path string, want ...string) {
		t.Helper()
		cmd, err := b.command(c, Call{Command: "exec", Words: []string{"-t", "x", "sh", "-c", "a b"}})
		if err != nil {
			t.Fatal(err)
		}
		if want = append(append([]string{path}, want...), "exec", "-t", "x", "sh", "-c", "a b"); cmd.Path != path || !slices.Equal(cmd.Argv, want) {
			t.Errorf("got %s %q, want %q", cmd.Path, cmd.Argv, want)
		}
	}
	check(first, "--root=/r/@crun", "--systemd-cgroup")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	check(second, "--root=/r/@crun", "--cgroup-manager=systemd")
}
