package pct

import (
	"errors"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestKeys checks the lines for a CT that belongs to Proxmox VE, and which fields cannot be in one.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		process specs.Process
		signal  string
		want    []string
		paths   []string // of the problems
	}{
		"root": {specs.Process{Cwd: "/"}, "", []string{"lxc.init.cwd: /"}, nil},
		"everything": {
			specs.Process{Cwd: "/srv/my app", Env: []string{"PATH=/bin", "TEXT=a = b # c"}, User: specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9, 10}}}, "SIGINT",
			[]string{"lxc.environment.runtime: PATH=/bin", "lxc.environment.runtime: TEXT=a = b # c", "lxc.init.cwd: /srv/my app",
				"lxc.init.uid: 7", "lxc.init.gid: 8", "lxc.init.groups: 9,10", "lxc.signal.halt: SIGINT"}, nil,
		},
		"groups alone": {specs.Process{Cwd: "/", User: specs.User{AdditionalGids: []uint32{4294967295}}}, "",
			[]string{"lxc.init.cwd: /", "lxc.init.uid: 0", "lxc.init.gid: 0", "lxc.init.groups: 4294967295"}, nil},
		"hostile": {
			specs.Process{Cwd: "/x\nlxc.mount.entry: / host none bind", Env: []string{"A=1", "B=\x00", " C=1", "D=1 "}}, "2\nlock: x",
			[]string{"lxc.environment.runtime: A=1"}, []string{"process.env[1]", "process.env[2]", "process.env[3]", "process.cwd", "annotations"},
		},
	} {
		lines, ps := keys(&PersistOptions{Spec: &specs.Spec{Process: &c.process}, StopSignal: c.signal})
		var paths []string
		for _, p := range ps {
			paths = append(paths, p.Path)
		}
		if !slices.Equal(lines, c.want) || !slices.Equal(paths, c.paths) {
			t.Errorf("%s: %q and problems of %q, want %q and %q", name, lines, paths, c.want, c.paths)
		}
	}
}

func TestOwnArgs(t *testing.T) {
	t.Parallel()
	o := &PersistOptions{Template: "/t.tar", Storage: "zfs", Disk: 8, Unprivileged: true, Spec: &specs.Spec{Hostname: "web"}, Source: "a\nb"}
	want := []string{"/t.tar", "--rootfs", "zfs:8", "--entrypoint", "/bin/x", "--ostype", "unmanaged", "--unprivileged", "1", "--arch", arch(),
		"--hostname", "web", "--description", `Made by berth from "a\nb".`, "--cmode", "console", "--tags", "oci;mine", "--pool", "p"}
	if got := ownArgs(&Settings{Pool: "p", Tags: []string{"mine"}}, o, "/bin/x"); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	o.Storage, o.Unprivileged = "", false
	got := ownArgs(&Settings{}, o, "")
	if got[2] != "8" || got[8] != "0" || slices.Contains(got, "--pool") {
		t.Errorf("%q", got)
	}
}

// TestCreateOwn checks which VMID a CT gets that belongs to Proxmox VE.
func TestCreateOwn(t *testing.T) {
	t.Parallel()
	const exists = `echo "CT $2 already exists on node 'pve'" >&2; exit 255`
	for name, c := range map[string]struct {
		used   []string
		vmid   int
		script string
		want   int
		calls  []string
		err    error
	}{
		"the first":         {nil, 0, "", 100, []string{"create 100"}, nil},
		"the first free":    {[]string{"100", "101", "103"}, 0, "", 102, []string{"create 102"}, nil},
		"taken meanwhile":   {[]string{"100"}, 0, "[ $n -gt 1 ] || { " + exists + "; }", 102, []string{"create 101", "create 102"}, nil},
		"a given one":       {nil, 7000, "", 7000, []string{"create 7000"}, nil},
		"a given one taken": {nil, 7000, exists, 7000, []string{"create 7000"}, ErrExists},
		"refused":           {nil, 0, "echo 'storage: no' >&2; exit 255", 100, []string{"create 100"}, ErrStorage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, calls := node(t, nil, c.script, c.used...)
			o := &PersistOptions{VMID: c.vmid, Spec: &specs.Spec{}}
			vmid, err := e.createOwn(t.Context(), &Client{Path: e.settings.Path}, o, "/bin/x")
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || vmid != c.want || !slices.Equal(calls(), c.calls) {
				t.Errorf("CT %d after %q, %v; want %d after %q, %v", vmid, calls(), err, c.want, c.calls, c.err)
			}
		})
	}
}

// TestPersistNeedsNode checks that nothing is called where Proxmox VE is not.
func TestPersistNeedsNode(t *testing.T) {
	t.Parallel()
	e, calls := node(t, nil, "")
	for name, s := range map[string]Settings{"pct": {Path: "/nowhere/pct", ClusterDir: e.cluster.Dir}, "the cluster": {Path: e.settings.Path, ClusterDir: "/nowhere"}} {
		if _, err := Persist(t.Context(), s, &PersistOptions{}); err == nil || !strings.HasPrefix(err.Error(), "the pct backend needs a node of Proxmox VE: ") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if len(calls()) > 0 {
		t.Errorf("calls %q", calls())
	}
}
