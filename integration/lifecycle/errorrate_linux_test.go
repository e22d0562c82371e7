//go:build linux && integration

package lifecycle

import (
	"flag"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/pve/host"
)

var operations = flag.Int("operations", 100, "operations of the test of the error rate (as it was measured: 2000)")

// TestErrorRate runs many operations of an engine on containers side by side while the stand-in
// takes as long as Proxmox VE. None of them may fail.
func TestErrorRate(t *testing.T) {
	pctOnly(t)
	slow(t)
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		if *seed == 0 {
			*seed = time.Now().UnixNano()
		}
		t.Logf("the random numbers are those of -seed %d", *seed)
		first := newBox(t, forever)
		begin := time.Now()
		n := churn(t, first, "rate", func(_ *testing.T, _ int, n *tally) bool {
			n.Lock()
			defer n.Unlock()
			return n.total < *operations
		})
		t.Logf("%d of %d operations failed, %d containers at a time, in %v: %v", n.failed, n.total, *churnAtATime, time.Since(begin).Round(time.Second), n.done)
		if list := first.must("list", "-q"); list != "" {
			t.Errorf("the list afterwards: %q", list)
		}
	})
	before.noLeftovers(t)
}

// slow makes the stand-in take as long as Proxmox VE until the test ends.
func slow(t *testing.T) {
	t.Helper()
	h, err := host.Open("")
	if err != nil {
		t.Fatal(err)
	}
	was := h.Settings
	t.Cleanup(func() {
		if err := h.Save(was); err != nil {
			t.Error(err)
		}
	})
	s := was
	s.Latency = host.Measured()
	if err := h.Save(s); err != nil {
		t.Fatal(err)
	}
}
