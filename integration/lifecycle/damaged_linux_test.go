//go:build linux && integration

package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends"
)

// editRecord replaces the container's record with what edit makes of it.
func (b *box) editRecord(edit func(whole map[string]any) string) {
	b.Helper()
	file := filepath.Join(b.root, b.id, "state.json")
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(data, &whole); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(edit(whole)), 0o600); err != nil {
		b.Fatal(err)
	}
}

// TestNewerRecord checks that every command refuses the record of a newer berth and names that
// version, delete --force included. The container keeps running, and the newer berth can delete it.
func TestNewerRecord(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	b := newBox(t, forever)
	b.running()
	var own []byte
	b.editRecord(func(whole map[string]any) string {
		own, _ = os.ReadFile(filepath.Join(b.root, b.id, "state.json"))
		return `{"format":1000,"berth":"berth 12.3","container":{}}`
	})
	for _, args := range [][]string{{"state", b.id}, {"kill", b.id, "KILL"}, {"start", b.id}, {"delete", b.id}, {"delete", "--force", b.id}} {
		b.refused("berth 12.3", args...)
	}
	if list := b.must("list"); !strings.Contains(list, " newer ") {
		t.Errorf("list: %s", list)
	}
	b.editRecord(func(map[string]any) string { return string(own) })
	if got := b.state().Status; got != "running" {
		t.Errorf("it is %s", got)
	}
	b.must("delete", "--force", b.id)
}

// TestDamagedRecord checks that list shows a container with a damaged record as damaged, and that
// delete --force removes it, running or not, and touches no other container.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	is := func(record string) func(map[string]any) string { return func(map[string]any) string { return record } }
	edited := func(edit func(whole, data map[string]any)) func(map[string]any) string {
		return func(whole map[string]any) string {
			edit(whole, whole["data"].(map[string]any))
			record, err := json.Marshal(whole)
			if err != nil {
				t.Fatal(err)
			}
			return string(record)
		}
	}
	for name, c := range map[string]struct {
		record func(whole map[string]any) string
		start  bool
		end    bool
		words  string
	}{
		"empty, created":     {is(""), false, false, "killed the processes in cgroup"},
		"half, running":      {is(`{"id":"x","backend":"l`), true, false, "killed the processes in cgroup"},
		"no backend, ended":  {is("{}"), true, true, "removed"},
		"data of a new type": {edited(func(whole, _ map[string]any) { whole["data"] = "x" }), true, false, "killed the processes in cgroup"},
		"a number as name":   {edited(func(_, data map[string]any) { data["name"] = -1 }), true, false, "killed the processes in cgroup"},
		"a list as monitor":  {edited(func(_, data map[string]any) { data["monitor"] = []int{} }), false, false, "killed the processes in cgroup"},
		"the host's cgroup":  {edited(func(_, data map[string]any) { data["limits"], data["limitsID"] = "/", 1 }), true, false, "killed the processes in cgroup"},
		"no process":         {edited(func(whole, _ map[string]any) { delete(whole, "process") }), true, false, "killed the processes in cgroup"},
		"the caller's process": {edited(func(whole, _ map[string]any) {
			p, err := backends.FindProcess(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			whole["process"] = p
		}), true, false, "killed the processes in cgroup"},
		"unknown backend": {edited(func(whole, _ map[string]any) { whole["backend"] = "docker" }), true, false, "killed the processes in cgroup"},
		"of format 0, with another's name": {edited(func(whole, data map[string]any) {
			for _, key := range []string{"format", "berth", "sum"} {
				delete(whole, key)
			}
			data["name"] = "../x"
		}), true, false, "killed the processes in cgroup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, forever)
			other := b.sibling("other", forever)
			for _, x := range []*box{b, other} {
				x.create()
			}
			if c.start {
				b.start()
				b.awaitFile("started")
			}
			if c.end {
				b.kill()
			}
			b.editRecord(c.record)
			if list := b.must("list"); !strings.Contains(list, " damaged ") || !strings.Contains(list, other.id+" ") {
				t.Errorf("list: %s", list)
			}
			for _, args := range [][]string{{"state", b.id}, {"start", b.id}, {"kill", b.id}, {"delete", b.id}} {
				b.refused("delete --force "+b.id, args...)
			}
			o := b.berth("delete", "--force", b.id)
			if o.Status != 0 || !strings.Contains(o.Stderr, c.words) || !strings.Contains(o.Stderr, "was damaged") {
				t.Errorf("delete --force: status %d, %q", o.Status, o.Stderr)
			}
			if b.pid != 0 && b.wait().Signal() != 9 {
				t.Error("its process was not killed")
			}
			if list := b.must("list"); strings.Contains(list, "damaged") {
				t.Errorf("list: %s", list)
			}
			if got := other.state().Status; got != "created" {
				t.Errorf("the other container is %s", got)
			}
			other.must("delete", "--force", other.id)
		})
	}
}
