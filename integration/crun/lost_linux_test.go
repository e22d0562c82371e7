//go:build linux && testhost

package crun

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// TestRuntimeLostIt checks that berth shows a record as lost if the other runtime no longer has its
// container, and that delete --force removes the record.
func TestRuntimeLostIt(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			root := newRoot(t)
			b := throughBerth(t, runtime, root)
			other := alone(t, runtime, filepath.Join(root, "@"+runtime))
			lose := func() {
				b.dir = newBundle(t, "sleep 1000")
				b.must("create", "x")
				other.must("delete", "x")
				suite.Reap()
			}
			lose()
			if list := listed(t, b); len(list) != 1 || list[0].Status != "lost" || list[0].Backend != runtime || list[0].Pid != 0 {
				t.Errorf("list: %+v", list)
			}
			for _, args := range [][]string{{"state", "x"}, {"start", "x"}, {"kill", "x"}, {"exec", "x", "true"}, {"delete", "x"}, {"create", "x"}} {
				if r := b.run(args...); r.Status == 0 || r.Stderr == "" {
					t.Errorf("%s: %+v", args, r)
				}
			}
			if r := b.run("delete", "x"); !strings.Contains(r.Stderr, "does not exist") || !strings.Contains(r.Stderr, "delete --force x") {
				t.Errorf("delete says %q", r.Stderr)
			}
			b.must("delete", "--force", "x")
			b.must("delete", "--force", "x")
			if list := listed(t, b); len(list) != 0 {
				t.Errorf("list: %+v", list)
			}
			lose()
			b.must("delete", "--force", "x")
		})
	}
}

// TestBerthLostIt checks that berth shows a container of the other runtime without a berth record
// as unrecorded. Every command finds it, and its ID is taken.
func TestBerthLostIt(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			root := newRoot(t)
			// Existing containers do not depend on the backend of new ones.
			b := throughBerth(t, "lxc", root)
			other := alone(t, runtime, filepath.Join(root, "@"+runtime))
			for _, force := range []bool{false, true} {
				other.dir = newBundle(t, "sleep 1000")
				b.dir = other.dir
				other.must("create", "x")
				if list := listed(t, b); len(list) != 1 || !list[0].Unrecorded || list[0].Status != "created" || list[0].Backend != runtime {
					t.Errorf("list: %+v", list)
				}
				if table := b.must("list"); !strings.Contains(table, runtime+" (unrecorded)") {
					t.Errorf("table: %s", table)
				}
				for _, name := range runtimes {
					r := throughBerthIn(t, name, root, b.dir).run("create", "x")
					if r.Status == 0 || !strings.Contains(r.Stderr, "already exists") {
						t.Errorf("create with %s: %+v", name, r)
					}
				}
				b.must("start", "x")
				b.must("exec", "x", "true")
				b.must("kill", "x", "KILL")
				b.stopped("x")
				if force {
					b.must("delete", "--force", "x")
				} else {
					b.must("delete", "x")
				}
				if list := listed(t, b); len(list) != 0 {
					t.Errorf("list: %+v", list)
				}
			}
		})
	}
}

func throughBerthIn(t *testing.T, name, root, dir string) *caller {
	b := throughBerth(t, name, root)
	b.dir = dir
	return b
}

// TestFailedCreate checks that an ID can be used again after a create that failed.
func TestFailedCreate(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			root := newRoot(t)
			b := throughBerth(t, runtime, root)
			b.dir = newBundle(t, "true")
			good, err := os.ReadFile(filepath.Join(b.dir, "config.json"))
			if err != nil {
				t.Fatal(err)
			}
			write := func(config string) {
				if err := os.WriteFile(filepath.Join(b.dir, "config.json"), []byte(config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range [][]string{{"create"}, {"run", "-d"}, {"run"}} {
				write(strings.Replace(string(good), `"sh"`, `"/nosuch"`, 1))
				if r := b.run(append(args, "x")...); r.Status == 0 {
					t.Fatalf("%s: %+v", args, r)
				}
				if list := listed(t, b); len(list) != 0 {
					t.Errorf("%s: list: %+v", args, list)
				}
				write(string(good))
				b.must("run", "x")
			}
		})
	}
}

// TestDamagedRecord checks that delete --force deletes a container whose record is damaged.
func TestDamagedRecord(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			root := newRoot(t)
			b := throughBerth(t, runtime, root)
			b.dir = newBundle(t, "sleep 1000")
			b.must("run", "-d", "x")
			if err := os.WriteFile(filepath.Join(root, "x", "state.json"), []byte("\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
			if list := listed(t, b); len(list) != 1 || list[0].Status != "damaged" {
				t.Errorf("list: %+v", list)
			}
			if r := b.run("kill", "x"); r.Status == 0 || !strings.Contains(r.Stderr, "delete --force x") {
				t.Errorf("kill: %+v", r)
			}
			if r := b.run("delete", "--force", "x"); r.Status != 0 || !strings.Contains(r.Stderr, "deleted it with "+runtime) {
				t.Errorf("delete --force: %+v", r)
			}
			suite.Reap()
			if list := listed(t, b); len(list) != 0 {
				t.Errorf("list: %+v", list)
			}
		})
	}
}
