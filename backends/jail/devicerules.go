package jail

import (
	"path"
	"slices"
	"strings"
)

// deviceRule is a devfs rule as devfs(8) shows it: a number, conditions, and what happens to a
// device that matches them.
type deviceRule struct {
	pattern string
	// typed is true if the rule applies only to some of the devices that match pattern: to one type
	// of device, which a device's name does not tell.
	typed   bool
	acts    string // "hide", "unhide" or ""
	include string
}

func parseDeviceRule(line string) deviceRule {
	var r deviceRule
	words := strings.Fields(line)
	for i, w := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch w {
		case "path":
			r.pattern = next
		case "type":
			r.typed = true
		case "include":
			r.include = next
		case "hide", "unhide":
			if i == 0 || !slices.Contains([]string{"path", "user", "group"}, words[i-1]) {
				r.acts = w
			}
		}
	}
	return r
}

// over returns the rules that an include rule stands for. If the include has conditions, a rule in it
// applies to some devices that match and not to others, like one for a type of device.
func (r deviceRule) over(included []deviceRule) []deviceRule {
	if r.pattern != "" || r.typed {
		for i := range included {
			included[i].typed = true
		}
	}
	return included
}

// shown returns true if a jail sees a device under the rules. The kernel applies all rules in
// order, and the last match wins (devfs(8)). A rule that shows a type of device counts as showing
// every device that its path matches.
func shown(rules []deviceRule, device string) bool {
	seen := true
	for _, r := range rules {
		if r.pattern != "" {
			if ok, err := path.Match(r.pattern, device); err != nil || !ok {
				continue
			}
		}
		switch {
		case r.acts == "unhide":
			seen = true
		case r.acts == "hide" && !r.typed:
			seen = false
		}
	}
	return seen
}
