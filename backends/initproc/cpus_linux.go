package initproc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SetCPUs binds a thread to CPUs (sched_setaffinity(2)). If pid is 0 it binds the calling thread.
func SetCPUs(pid int, cpus []int) error {
	set := unix.NewCPUSet(maxCPU)
	for _, n := range cpus {
		if n < 0 || n >= maxCPU {
			return fmt.Errorf("there is no processor %d", n)
		}
		set.Set(n)
	}
	if err := unix.SchedSetaffinityDynamic(pid, set); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	return nil
}

// maxCPU is more than any kernel's NR_CPUS.
const maxCPU = 8192
