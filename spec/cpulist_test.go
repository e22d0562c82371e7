package spec

import (
	"slices"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]int{
		"0":           {0},
		"3,0-1, 8191": {0, 1, 3, 8191},
		"1,1,0-1":     {0, 1},
		"":            {}, " ,": {},
		"8192": nil, "0-8192": nil, "2-1": nil, "-1": nil, "1-": nil, "+1": nil, "1-2-3": nil, "a": nil, "0-99999999999": nil,
	} {
		if got, ok := ParseList(list, 8192); !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%q: %v, %v", list, got, ok)
		}
	}
	// A list may name a number any number of times.
	if got, ok := ParseList(strings.Repeat("0-8191,", 20000), 8192); !ok || len(got) != 8192 {
		t.Errorf("%d numbers, %v", len(got), ok)
	}
}
