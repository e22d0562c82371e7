//go:build linux && testhost

package freebsd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDamagedRecord checks that a container with a damaged record is deleted with everything around
// it, by means of the record's copy.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to string }{
		"a root of a new type": {`"root":"`, `"root":7,"x":"`},
		"another root":         {`"root":"`, `"root":"/home`},
		"cut short":            {`"data":`, ""},
		"no jail":              {`"jail":`, `"jall":`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.config.Process.Args = []string{"/bin/sleep", "1000"}
			b.config.Root.Readonly = true
			b.config.Mounts = []specs.Mount{{Destination: "/tmp", Type: "tmpfs"}}
			pid := b.create()
			b.berth("start", b.id)
			file := filepath.Join(b.file("state"), b.id, "state.json")
			data, err := os.ReadFile(file)
			b.must(err)
			text := string(data)
			if c.to == "" {
				text, _, _ = strings.Cut(text, c.from)
			} else {
				text = strings.Replace(text, c.from, c.to, 1)
			}
			b.must(os.WriteFile(file, []byte(text), 0o600))
			b.refused("the record is damaged", "state", b.id)
			if out := b.berth("delete", "--force", b.id); !strings.Contains(out, "removed what was left of jail "+b.id) {
				t.Errorf("delete --force: %s", out)
			}
			if status := b.wait(pid); status != 128+9 {
				t.Errorf("its process has ended with %d", status)
			}
			b.wantNoTraces()
		})
	}
}
