package create

import (
	"testing"

	"github.com/opencontainers/cgroups"
)

func TestDeferPidsLimit(t *testing.T) {
	t.Parallel()
	n := func(v int64) *int64 { return &v }
	for name, c := range map[string]struct {
		limit    *int64
		unified  string
		deferred bool
	}{
		"none": {}, "few": {n(5), "", true}, "zero": {n(0), "", true}, "no limit": {n(-1), "", false}, "enough": {n(64), "", false},
		"few in unified": {nil, "5", true}, "enough in unified": {nil, "64", false}, "max in unified": {nil, "max", false},
		"unified wins": {n(5), "100", true}, "unified wins with few": {n(100), "5", true},
	} {
		r := &cgroups.Resources{PidsLimit: c.limit, Unified: map[string]string{"memory.low": "1"}}
		if c.unified != "" {
			r.Unified["pids.max"] = c.unified
		}
		giveBack := deferPidsLimit(r)
		if (giveBack != nil) != c.deferred {
			t.Errorf("%s: taken: %t", name, giveBack != nil)
		}
		if giveBack != nil {
			if r.PidsLimit != nil || r.Unified["pids.max"] != "" || r.Unified["memory.low"] == "" {
				t.Errorf("%s: left: %+v", name, r)
			}
			giveBack()
		}
		if r.PidsLimit != c.limit || r.Unified["pids.max"] != c.unified {
			t.Errorf("%s: afterwards: %+v", name, r)
		}
	}
}
