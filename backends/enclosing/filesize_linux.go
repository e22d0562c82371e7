package enclosing

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
)

// smallFile is more, in bytes, than any file has that berth and LXC write for a container.
// A process of LXC's that is killed for one that is too large leaves its monitor hanging.
const smallFile = 1 << 20

// raiseFileSize gives berth, and the tools that it calls, room for files where its
// caller's limit (RLIMIT_FSIZE, setrlimit(2)) leaves too little. It returns the limit that
// the container's process is to have if config.json names none, its caller's; nil if
// nothing was changed.
func raiseFileSize() (*process.Limit, error) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return nil, fmt.Errorf("RLIMIT_FSIZE: %w", err)
	}
	if was.Cur >= smallFile {
		return nil, nil
	}
	hard := max(was.Max, smallFile) // which CAP_SYS_RESOURCE may raise
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: hard, Max: hard}); err != nil {
		return nil, fmt.Errorf("berth was called with a limit of %d bytes for files (RLIMIT_FSIZE, ulimit -f), and needs %d, as LXC does; "+
			"the limit could not be raised: %w: raise it where berth is called, and give the container one of its own by process.rlimits", was.Cur, smallFile, err)
	}
	return &process.Limit{Name: "RLIMIT_FSIZE", Resource: unix.RLIMIT_FSIZE, Soft: was.Cur, Hard: was.Max}, nil
}

// keepFileSize gives the process the limit of berth's caller.
func keepFileSize(a *process.Attributes, own *process.Limit) {
	named := func(l process.Limit) bool { return l.Resource == unix.RLIMIT_FSIZE }
	if own != nil && !slices.ContainsFunc(a.Limits, named) {
		a.Limits = append(a.Limits, *own)
	}
}
