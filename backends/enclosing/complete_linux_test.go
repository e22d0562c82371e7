package enclosing

import (
	"slices"
	"testing"
)

func TestCPUs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]int{"3,0-1, 8191": {0, 1, 3, 8191}, "": nil, ",": nil, "8192": nil} {
		if got, err := cpus(list); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}
