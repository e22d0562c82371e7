//go:build linux && integration

package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// result is the result of one validation program with one runtime.
type result struct {
	// tests says, by a test's text, whether it passed (Test Anything Protocol). A skipped test has
	// passed.
	tests map[string]bool
	order []string
	// ended is why the program did not end well, or nil.
	ended error
	// output is everything that the program printed.
	output string
}

var (
	tapLine = regexp.MustCompile(`^(not ok|ok) \d+(?: - (.*))?$`)
	// varying matches the varying parts of a test's text: inodes, pids, ids, directories.
	varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|ocitest\d+|\d{2,}`)
)

// parseTAP parses what a program printed. The key of a test is its text, not its number, because
// programs leave some tests out when an earlier one fails. The second test with the same text has
// the key text#2.
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

// passed is true if the program ended well and no test failed.
func (r result) passed() bool {
	return r.ended == nil && len(r.failures()) == 0
}

// failures returns the tests that failed, in their order.
func (r result) failures() (list []string) {
	for _, key := range r.order {
		if !r.tests[key] {
			list = append(list, key)
		}
	}
	return list
}

// differences returns the tests whose results differ between r and other, and how the programs
// ended if that differs.
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

// worse returns the tests that measure passes and r does not. If measure passed as a whole, it also
// returns the tests that failed in r and that measure does not have. If there are none, it reports
// "the end" if only r's program did not end well.
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
