//go:build linux && testhost

package operate

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestOOMWhileCreated checks that create fails with runc's words if the memory limit is too low for
// the init process.
func TestOOMWhileCreated(t *testing.T) {
	if !*limits {
		t.Skip("without -limits")
	}
	for name, c := range map[string]struct {
		bytes int64
		runs  bool
	}{
		"64 KiB": {1 << 16, false},
		"8 MiB":  {8 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := prepare(t, []string{*program, "--backend", *backend}, func(s *specs.Spec) {
				s.Process.Args = []string{"echo", "ran"}
				s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &c.bytes, Swap: &c.bytes}}
			})
			o := b.call("run", "--bundle", b.dir, b.id)
			if c.runs {
				if o.Status != 0 || o.Stdout != "ran\n" {
					t.Errorf("%+v", o)
				}
				return
			}
			const words = "container init was OOM-killed (memory limit too low?)"
			if o.Status != 1 || !strings.Contains(o.Stderr, words) {
				t.Errorf("%+v", o)
			}
		})
	}
}
