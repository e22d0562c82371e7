package initproc

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// ParseCPUs returns the CPUs of a list such as "0-3,7".
func ParseCPUs(list string) ([]int, error) {
	out, ok := spec.ParseList(list, process.MaxCPU)
	if !ok {
		return nil, fmt.Errorf("%q is not a list of processors such as 0-3,7", list)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q names no processor", list)
	}
	return out, nil
}

// CheckAffinity refuses a process.execCPUAffinity that exec could not set. The error names the JSON
// path.
func CheckAffinity(a *specs.CPUAffinity) error {
	if a == nil {
		return nil
	}
	for _, side := range []struct{ name, list string }{{"initial", a.Initial}, {"final", a.Final}} {
		if side.list == "" {
			continue
		}
		if _, err := ParseCPUs(side.list); err != nil {
			return &spec.FieldError{Path: "process.execCPUAffinity." + side.name, Err: err}
		}
	}
	return nil
}

// SetCPUs binds a thread to CPUs (sched_setaffinity(2)). If pid is 0 it binds the calling thread.
func SetCPUs(pid int, cpus []int) error {
	set := unix.NewCPUSet(process.MaxCPU)
	for _, n := range cpus {
		if n < 0 || n >= process.MaxCPU {
			return fmt.Errorf("CPU %d does not exist", n)
		}
		set.Set(n)
	}
	if err := unix.SchedSetaffinityDynamic(pid, set); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	return nil
}
