package process

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process/nofile"
)

// setLimits sets the process's limits. If they have no RLIMIT_NOFILE, it restores the limit of open
// files with which berth was started, because Go has raised it. Afterwards the process may be
// unable to open any descriptor.
func (a *Attributes) setLimits() error {
	restore := nofile.Hard != 0
	for _, l := range a.Limits {
		lim := syscall.Rlimit{Cur: l.Soft, Max: l.Hard}
		// Package syscall sets it, so that it forgets the limit that it would restore at exec.
		if err := syscall.Setrlimit(l.Resource, &lim); err != nil {
			return limitError(l, err)
		}
		restore = restore && l.Resource != unix.RLIMIT_NOFILE
	}
	if restore {
		lim := syscall.Rlimit{Cur: nofile.Soft, Max: nofile.Hard}
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			return fmt.Errorf("restore RLIMIT_NOFILE to %d:%d: %w", lim.Cur, lim.Max, err)
		}
	}
	return nil
}
