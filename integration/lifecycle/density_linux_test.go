//go:build linux && integration

package lifecycle

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var dense = flag.Int("dense", 25, "containers alive at once")

// TestDensity checks that with many containers alive at once each create takes as long as the first
// ones, and that list is fast. It compares the lower quartiles of the times because other load on
// the machine affects these least.
func TestDensity(t *testing.T) {
	berthOnly(t)
	if *backend != "lxc" {
		t.Skip("about berth's own cost, and not that of ", *backend)
	}
	before := takeCensus()
	t.Run("all", func(t *testing.T) {
		const ends = 10
		first := newBox(t, forever)
		var creates []time.Duration
		for i := range *dense {
			b := lightBox(t, first, fmt.Sprintf("dense-%03d", i))
			t.Cleanup(b.discard)
			begin := time.Now()
			b.create()
			creates = append(creates, time.Since(begin))
			b.start()
		}
		early, late := quartile(creates[:ends]), quartile(creates[len(creates)-ends:])
		var lists []time.Duration
		for range ends {
			begin := time.Now()
			list := first.must("list", "-q")
			lists = append(lists, time.Since(begin))
			if len(list) != *dense*len("dense-000\n") {
				t.Fatalf("the list: %q", list)
			}
		}
		t.Logf("%d containers: creates took %v at first and %v at last, list %v", *dense, early, late, quartile(lists))
		if *dense < strict {
			return
		}
		if late > early*13/10 {
			t.Errorf("creates took %v at first and %v at last", early, late)
		}
		if took := quartile(lists); took > 3*late {
			t.Errorf("list takes %v, more than three creates", took)
		}
	})
	before.noLeftovers(t)
}

// strict is the number of containers from which on TestDensity judges the times. Such a run needs
// the machine to itself.
const strict = 300

// quartile returns the lower quartile of the times.
func quartile(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/4]
}
