package spec

import (
	"strconv"
	"strings"
)

// cpuList checks a list of CPUs or memory nodes, such as "0-3,7", and returns the number of its
// ranges. It warns of spaces and empty members, which runc and the kernel accept, and of the
// kernel's further forms ("all", "N", "0-31:2/8", cpusets).
func (c *checker) cpuList(path, list string) int {
	if list == "" || !c.printable(path, list) {
		return 0
	}
	ranges, odd := 0, false
	for part := range strings.SplitSeq(list, ",") {
		trimmed := strings.TrimSpace(part)
		odd = odd || trimmed != part || trimmed == ""
		if trimmed == "" {
			continue
		}
		ranges++
		first, last, isRange := strings.Cut(trimmed, "-")
		a, err1 := strconv.ParseUint(first, 10, 31)
		b, err2 := a, error(nil)
		if isRange {
			b, err2 = strconv.ParseUint(last, 10, 31)
		}
		switch {
		case err1 == nil && err2 == nil && a <= b:
		case strings.Trim(trimmed, "0123456789-:/alN") == "" && strings.ContainsAny(trimmed, ":lN"):
			odd = true
		default:
			c.errorf(path, "must be numbers and ranges such as 0-3,7, has %s", quote(trimmed))
			return ranges
		}
	}
	if odd {
		c.warnf(path, "should be numbers and ranges such as 0-3,7, is %s", quote(list))
	}
	return ranges
}
