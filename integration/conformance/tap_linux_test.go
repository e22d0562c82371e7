//go:build linux && integration

package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// result is what one validation program said of one runtime.
type result struct {
	// tests are the lines of its Test Anything Protocol, keyed by what each is
	// about; the value is whether it passed. A skipped test has passed.
	tests map[string]bool
	order []string
	// ended is why the program did not end well.
	ended error
	// output is all that it printed.
	output string
}

var (
	tapLine = regexp.MustCompile(`^(not ok|ok) \d+(?: - (.*))?$`)
	// varying parts of a test's text: inodes, pids, ids, directories.
	varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|ocitest\d+|\d{2,}`)
)

// parseTAP reads what a program printed. Tests are known by their text, for
// programs leave some out when an earlier one fails; the second of the same text
// is text#2.
func parseTAP(output string, ended error) result {
	r := result{tests: map[string]bool{}, ended: ended, output: output}
	for line := range strings.Lines(output) {
		m := tapLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		key := varying.ReplaceAllString(m[2], "N")
		for n := 2; slices.Contains(r.order, key); n++ {
			key = fmt.Sprintf("%s#%d", varying.ReplaceAllString(m[2], "N"), n)
		}
		r.tests[key] = m[1] == "ok"
		r.order = append(r.order, key)
	}
	return r
}

// passed tells whether the program ended well and no test failed.
func (r result) passed() bool {
	return r.ended == nil && len(r.failures()) == 0
}

// failures are the tests that failed, in their order.
func (r result) failures() (list []string) {
	for _, key := range r.order {
		if !r.tests[key] {
			list = append(list, key)
		}
	}
	return list
}

// differences are the tests whose results are not the same in both, and how the
// programs ended, when that differs.
func (r result) differences(other result) (list []string) {
	for _, key := range r.order {
		passed, done := other.tests[key]
		if !done || passed != r.tests[key] {
			list = append(list, fmt.Sprintf("%q: %s and %s", key, r.say(key), other.say(key)))
		}
	}
	for _, key := range other.order {
		if _, done := r.tests[key]; !done {
			list = append(list, fmt.Sprintf("%q: %s and %s", key, r.say(key), other.say(key)))
		}
	}
	if (r.ended == nil) != (other.ended == nil) {
		list = append(list, fmt.Sprintf("the end: %v and %v", r.ended, other.ended))
	}
	return list
}

func (r result) say(key string) string {
	passed, done := r.tests[key]
	switch {
	case !done:
		return "not tested"
	case passed:
		return "passed"
	}
	return "failed"
}

// worse are the tests that measure passes and r does not, and those that fail in
// r alone, which measure has no word of.
func (r result) worse(measure result) (list []string) {
	for _, key := range measure.order {
		if measure.tests[key] && !r.tests[key] {
			list = append(list, key)
		}
	}
	for _, key := range r.failures() {
		if _, done := measure.tests[key]; !done && measure.passed() {
			list = append(list, key)
		}
	}
	if len(list) == 0 && r.ended != nil && measure.ended == nil {
		list = append(list, "the end")
	}
	return list
}
