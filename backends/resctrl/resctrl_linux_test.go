package resctrl

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestGroup uses a plain directory in place of the resctrl file system, which few machines have.
func TestGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rdt       specs.LinuxIntelRdt
		exists    bool
		class     string
		monitor   string
		schemata  string
		remaining bool
		refused   bool
	}{
		"own":                {rdt: specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=20"}, class: "box", schemata: "L3:0=f\nMB:0=20\n"},
		"own, no schemata":   {class: "box"},
		"own, measured":      {rdt: specs.LinuxIntelRdt{EnableMonitoring: true, Schemata: []string{"L3:0=3"}}, class: "box", monitor: "box/mon_groups/box", schemata: "L3:0=3\n"},
		"shared, made":       {rdt: specs.LinuxIntelRdt{ClosID: "gold", MemBwSchema: "MB:0=20"}, class: "gold", schemata: "MB:0=20\n", remaining: true},
		"shared":             {rdt: specs.LinuxIntelRdt{ClosID: "gold"}, exists: true, class: "gold", remaining: true},
		"shared, not there":  {rdt: specs.LinuxIntelRdt{ClosID: "gold"}, refused: true},
		"shared and default": {rdt: specs.LinuxIntelRdt{ClosID: "/"}, class: ".", remaining: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if c.exists {
				if err := os.Mkdir(filepath.Join(root, "gold"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			g, err := Plan(root, "box", &c.rdt)
			if c.refused != (err != nil) {
				t.Fatalf("Plan: %v", err)
			}
			if c.refused {
				return
			}
			if g.Class != filepath.Join(root, c.class) || c.monitor != "" && g.Monitor != filepath.Join(root, c.monitor) {
				t.Errorf("Plan: %+v", g)
			}
			if g.Monitor != "" { // the kernel makes this with the class
				if err := os.MkdirAll(filepath.Dir(g.Monitor), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.Make(&c.rdt); err != nil {
				t.Fatal(err)
			}
			if err := g.Enter(77); err != nil {
				t.Fatal(err)
			}
			if data, _ := os.ReadFile(filepath.Join(g.Class, "schemata")); string(data) != c.schemata {
				t.Errorf("schemata: %q, want %q", data, c.schemata)
			}
			for _, dir := range []string{g.Class, g.Monitor} {
				if data, _ := os.ReadFile(filepath.Join(dir, "tasks")); dir != "" && string(data) != "77" {
					t.Errorf("%s/tasks: %q", dir, data)
				}
			}
			// rmdir(2) removes a group in resctrl in spite of the kernel's files in it. In a plain
			// directory they have to be removed first.
			for _, dir := range []string{g.Monitor, g.Class} {
				for _, f := range []string{"tasks", "schemata"} {
					_ = os.Remove(filepath.Join(dir, f))
				}
			}
			if g.Monitor != "" {
				_ = os.Remove(g.Monitor)
				_ = os.Remove(filepath.Dir(g.Monitor))
			}
			if err := g.Remove(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(g.Class); c.remaining != (err == nil) {
				t.Errorf("after Remove: %v", err)
			}
			if err := g.Remove(); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
