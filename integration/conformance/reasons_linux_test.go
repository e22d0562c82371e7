//go:build linux && integration

package conformance

import "strings"

// reason is why a test that runc or crun passes need not pass.
type reason struct {
	program string
	// test is how the test's text begins.
	test    string
	runtime string
	// why cites what the runtime specification says.
	why string
}

// reasons are all there are; one that explains nothing fails the suite.
var reasons = []reason{}

func (r reason) explains(program, test, runtime string) bool {
	return r.program == program && r.runtime == runtime && strings.HasPrefix(test, r.test)
}

// reasonFor is the written reason for a failure, or "".
func reasonFor(program, test, runtime string) string {
	for _, r := range reasons {
		if r.explains(program, test, runtime) {
			return r.why
		}
	}
	return ""
}
