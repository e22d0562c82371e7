package jail

import (
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules, device string
		want          bool
	}{
		"no rules":              {"", "mem", true},
		"all hidden":            {"100 hide", "mem", false},
		"shown again":           {"100 hide\n200 path null unhide", "null", true},
		"another shown":         {"100 hide\n200 path null unhide", "mem", false},
		"hidden at last":        {"100 hide\n200 path null unhide\n300 path n* hide", "null", false},
		"a pattern":             {"100 hide\n200 path da* unhide", "da0", true},
		"not into directories":  {"100 hide\n200 path * unhide", "pts/0", false},
		"a directory":           {"100 hide\n200 path pts/* unhide", "pts/0", true},
		"modes hide nothing":    {"100 path mem mode 600", "mem", true},
		"shown with a mode":     {"100 hide\n200 path mem unhide mode 600 group hide", "mem", true},
		"a type may be shown":   {"100 hide\n200 type disk unhide", "da0", true},
		"a type hidden is some": {"100 type disk hide", "mem", true},
		"a file named hide":     {"100 path hide unhide", "hide", true},
	} {
		var rules []deviceRule
		for line := range strings.Lines(c.rules) {
			rules = append(rules, parseDeviceRule(line))
		}
		if got := shown(rules, c.device); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
