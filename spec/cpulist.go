package spec

import (
	"strconv"
	"strings"
)

// ParseList parses a list of CPUs or memory nodes in config.json, which consists of numbers and
// ranges, such as "0-3,7" (cpuset(7), "List format"). It returns the numbers sorted, each once. It skips spaces
// and empty members, as the kernel does. ok is false if a member is no number or range, or is not
// below limit.
func ParseList(list string, limit int) (numbers []int, ok bool) {
	named := make([]bool, limit)
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, ok := parseRange(part)
		if !ok || last >= limit {
			return nil, false
		}
		for n := first; n <= last; n++ {
			named[n] = true
		}
	}
	for n, is := range named {
		if is {
			numbers = append(numbers, n)
		}
	}
	return numbers, true
}

// parseRange parses a number or a range, such as "7" or "0-3".
func parseRange(text string) (first, last int, ok bool) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	a, err1 := strconv.ParseUint(low, 10, 31)
	b, err2 := strconv.ParseUint(high, 10, 31)
	return int(a), int(b), err1 == nil && err2 == nil && a <= b
}

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
		_, _, ok := parseRange(trimmed)
		switch {
		case ok:
		case strings.Trim(trimmed, "0123456789-:/alN") == "" && strings.ContainsAny(trimmed, ":lN"):
			odd = true
		default:
			c.errorf(path, "must be a list of numbers and ranges, such as 0-3,7: %s is neither", quote(trimmed))
			return ranges
		}
	}
	if odd {
		c.warnf(path, "should be a list of numbers and ranges, such as 0-3,7, not %s", quote(list))
	}
	return ranges
}
