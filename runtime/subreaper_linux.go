package runtime

import "golang.org/x/sys/unix"

// becomeSubreaper makes the orphans below this process its children
// (PR_SET_CHILD_SUBREAPER, prctl(2)).
func becomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
