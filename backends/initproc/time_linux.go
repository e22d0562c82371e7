package initproc

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// timeVar makes the init process create a time namespace. Its value holds the offsets.
const timeVar = "_BERTH_INIT_TIME"

// newTime makes a time namespace, which the calling thread enters by execve and in which its
// children start (time_namespaces(7)). task is the name of the thread in /proc. offsets may be
// empty.
func newTime(offsets, task string) error {
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return spec.Fieldf("linux.namespaces", "make a time namespace: unshare: %w", err)
	}
	if offsets == "" {
		return nil
	}
	if err := os.WriteFile("/proc/"+task+"/timens_offsets", []byte(offsets), 0); err != nil {
		return &spec.FieldError{Path: "linux.timeOffsets", Err: err}
	}
	return nil
}
