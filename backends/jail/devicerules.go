package jail

import (
	"path"
	"slices"
	"strings"
)

// deviceRule is a rule of devfs as devfs(8) shows it: a number, conditions, and
// what is done with a device that meets them.
type deviceRule struct {
	pattern string
	// typed says that the rule is of a type of devices alone, which their names
	// do not tell.
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

// shown says whether a jail sees a device by the rules: the kernel applies all of
// them in their order, and the last that meets the device counts (devfs(8)). What
// is shown by its type counts as shown.
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
