//go:build linux && integration

package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A container whose record is damaged is shown as such, and delete --force
// removes it, running or not, and nothing of the next one.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	berthOnly(t)
	for name, c := range map[string]struct {
		record string
		start  bool
		end    bool
		words  string
	}{
		"empty, created":    {"", false, false, "killed the processes in cgroup"},
		"half, running":     {`{"id":"x","backend":"l`, true, false, "killed the processes in cgroup"},
		"no backend, ended": {"{}", true, true, "removed"},
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
				b.must("kill", b.id, "KILL")
				b.wait()
			}
			if err := os.WriteFile(filepath.Join(b.root, b.id, "state.json"), []byte(c.record), 0o600); err != nil {
				t.Fatal(err)
			}
			if list := b.must("list"); !strings.Contains(list, " damaged ") || !strings.Contains(list, other.id+" ") {
				t.Errorf("list: %s", list)
			}
			for _, args := range [][]string{{"state", b.id}, {"start", b.id}, {"kill", b.id}, {"delete", b.id}} {
				b.refused("delete --force "+b.id, args...)
			}
			o := b.berth("delete", "--force", b.id)
			if o.status != 0 || !strings.Contains(o.stderr, c.words) || !strings.Contains(o.stderr, "was damaged") {
				t.Errorf("delete --force: status %d, %q", o.status, o.stderr)
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
