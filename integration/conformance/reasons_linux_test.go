//go:build linux && integration

package conformance

import "strings"

// reason is why berth need not pass a test that runc or crun passes.
type reason struct {
	program string
	// test is how the test's text begins. It is empty for all tests of a program whose container is
	// refused.
	test string
	// why cites the runtime specification.
	why string
}

// steady is, by validation program, a shell command that runs before the runtime each time the
// program calls it. Without it the result depends on timing with every runtime. The program pidfile
// wants to see and kill a container whose process, true, ends at once. The program killsig sends a
// signal as soon as a shell runs, before the shell has set its handler.
var steady = map[string]string{
	"pidfile": `[ "$1" != create ] || { t=$5/bin/true; rm "$t"; printf '#!/bin/sh\nexec sleep 2\n' >"$t"; chmod 755 "$t"; }`,
	"killsig": `[ "$1" != kill ] || sleep 0.5`,
}

// reasons are all reasons. A reason that explains nothing fails the suite.
var reasons = []reason{
	{"hooks_stdin", "the state of the container MUST be passed to \"prestart\"",
		"The program expects the status created. By runtime.md, State, it is creating until create has ended, and by Lifecycle, step 3, prestart hooks run before that. runc says creating, too."},
	{"linux_mount_label", "",
		"The program sets linux.mountLabel, and the kernel has no SELinux. config.md, Configuration: runtimes MUST generate an error for values that cannot be honoured. runc fails, too."},
	{"mounts", "",
		"The program gives a bind mount the options mode= and size= of a tmpfs. config.md, Mounts: runtimes MUST generate an error for invalid values. runc refuses it with the same words."},
	{"start", "",
		"The program expects start to succeed without process. runtime.md, Start: this operation MUST generate an error if process was not set. As under runc, create already fails."},
}

func (r reason) explains(program, test string) bool {
	return r.program == program && strings.HasPrefix(test, r.test)
}

// reasonFor returns the written reason for a failure, or "".
func reasonFor(program, test string) string {
	for _, r := range reasons {
		if r.explains(program, test) {
			return r.why
		}
	}
	return ""
}
