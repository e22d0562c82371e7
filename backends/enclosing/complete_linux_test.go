package enclosing

import (
	"slices"
	"strings"
	"testing"
)

func TestCPUs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]int{
		"0":           {0},
		"3,0-1, 8191": {0, 1, 3, 8191},
		"1,1,0-1":     {0, 1},
		"":            nil, ",": nil, "8192": nil, "2-1": nil, "-1": nil, "a": nil, "0-99999999999": nil,
	} {
		if got, err := cpus(list); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
	// A list may name a CPU any number of times.
	if got, err := cpus(strings.Repeat("0-8191,", 20000)); err != nil || len(got) != 8192 {
		t.Errorf("%d processors, %v", len(got), err)
	}
}
