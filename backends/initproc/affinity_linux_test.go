package initproc

import (
	"slices"
	"testing"
)

func TestParseCPUs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]int{"3,0-1, 8191": {0, 1, 3, 8191}, "": nil, ",": nil, "8192": nil} {
		if got, err := ParseCPUs(list); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}
