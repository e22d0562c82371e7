package command

import (
	"testing"

	"github.com/berth-oci/berth/backends"
)

func TestSummary(t *testing.T) {
	row := func(v backends.Verdict, fixed bool) diagnosed {
		return diagnosed{Finding: backends.Finding{Verdict: v}, Fixed: fixed}
	}
	for want, rows := range map[string][]diagnosed{
		"0 checks: 0 passed, 0 with a warning, 0 failed":          nil,
		"3 checks: 2 passed, 1 with a warning, 0 failed":          {row(backends.Pass, false), row(backends.Warn, false), row(backends.Pass, false)},
		"3 checks: 1 passed, 0 with a warning, 1 failed, 1 fixed": {row(backends.Pass, false), row(backends.Fail, true), row(backends.Fail, false)},
	} {
		if got := summary(rows); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
