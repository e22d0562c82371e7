//go:build linux && integration

package conformance

import "strings"

// reason is why a test that runc or crun passes need not pass.
type reason struct {
	program string
	// test is how the test's text begins; empty for all of them, in a program
	// whose container is refused.
	test string
	// why cites what the runtime specification says.
	why string
}

// steady is what the command does first that a program calls as its runtime, where
// its result would be a matter of time with every runtime: pidfile wants to see and
// to kill a container whose process, true, ends at once; killsig sends a signal as
// soon as a shell runs, which has not set its handler then.
var steady = map[string]string{
	"pidfile": `[ "$1" != create ] || { t=$5/bin/true; rm "$t"; printf '#!/bin/sh\nexec sleep 2\n' >"$t"; chmod 755 "$t"; }`,
	"killsig": `[ "$1" != kill ] || sleep 0.5`,
}

// reasons are all there are; one that explains nothing fails the suite.
var reasons = []reason{
	{"hooks_stdin", "the state of the container MUST be passed to \"prestart\"",
		"The program wants the status created; runtime.md, State: it is creating until create has ended, and Lifecycle, step 3: prestart hooks run before that. runc says creating, too."},
	{"linux_mount_label", "",
		"The program sets linux.mountLabel where the kernel has no SELinux. config.md, Configuration: runtimes MUST generate an error for values that cannot be honoured. runc fails, too."},
	{"mounts", "",
		"The program gives a bind mount the options mode= and size= of a tmpfs. config.md, Mounts: runtimes MUST generate an error for invalid values. runc refuses it with the same words."},
	{"start", "",
		"The program wants start to succeed without process; runtime.md, Start: this operation MUST generate an error if process was not set. Refused at create already, as under runc."},
}

func (r reason) explains(program, test string) bool {
	return r.program == program && strings.HasPrefix(test, r.test)
}

// reasonFor is the written reason for a failure, or "".
func reasonFor(program, test string) string {
	for _, r := range reasons {
		if r.explains(program, test) {
			return r.why
		}
	}
	return ""
}
