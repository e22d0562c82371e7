package backends

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// readStat asks sysctl(3) for a process.
func readStat(pid int) (procStat, error) {
	data, err := unix.SysctlRaw("kern.proc.pid", pid)
	if err == nil && len(data) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return procStat{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseKinfo(pid, data)
}
