package create

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// smallFile is larger, in bytes, than any file that berth and LXC write for a container. If an LXC
// process is killed because a file gets too large, its monitor hangs.
const smallFile = 1 << 20

// raiseFileSize raises the limit on the size of files (RLIMIT_FSIZE, setrlimit(2)) if berth's
// caller has set it too low for berth and the tools that it calls. It returns the caller's limit,
// which the container's process gets if config.json names none. It returns nil if it has changed
// nothing.
func raiseFileSize() (*process.Limit, error) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return nil, fmt.Errorf("RLIMIT_FSIZE: %w", err)
	}
	if was.Cur >= smallFile {
		return nil, nil
	}
	hard := max(was.Max, smallFile) // needs CAP_SYS_RESOURCE
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: hard, Max: hard}); err != nil {
		return nil, fmt.Errorf("raise the file size limit (RLIMIT_FSIZE, ulimit -f) from %d to %d bytes, which LXC needs: %w: "+
			"raise the limit of berth's caller, and limit the container with process.rlimits", was.Cur, smallFile, err)
	}
	return &process.Limit{Name: "RLIMIT_FSIZE", Resource: unix.RLIMIT_FSIZE, Soft: was.Cur, Hard: was.Max}, nil
}

// keepFileSize gives the process the limit of berth's caller, unless config.json names a limit.
func keepFileSize(a *process.Attributes, own *process.Limit) {
	named := func(l process.Limit) bool { return l.Resource == unix.RLIMIT_FSIZE }
	if own != nil && !slices.ContainsFunc(a.Limits, named) {
		a.Limits = append(a.Limits, *own)
	}
}
