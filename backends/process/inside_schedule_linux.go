package process

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// setSchedule sets the calling thread's I/O priority, memory policy and personality.
func (a *Attributes) setSchedule() error {
	if a.IOPriority != nil {
		_, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, ioWhoProcess, 0, uintptr(*a.IOPriority))
		if errno != 0 {
			return spec.Fieldf("process.ioPriority", "ioprio_set(%#x): %w", *a.IOPriority, errno)
		}
	}
	if a.MemoryPolicy != nil {
		if err := a.MemoryPolicy.set(); err != nil {
			return err
		}
	}
	if a.Personality != nil {
		if _, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, uintptr(*a.Personality), 0, 0); errno != 0 {
			return spec.Fieldf("linux.personality", "personality(%#x): %w", *a.Personality, errno)
		}
	}
	return nil
}

// set sets the policy of the calling thread. Its children and the program that it execs inherit the
// policy.
func (m *MemoryPolicy) set() error {
	var mask unsafe.Pointer
	bits := 0
	if len(m.Nodes) > 0 {
		// The kernel uses one bit less than it is given (set_mempolicy(2), "Bugs").
		mask, bits = unsafe.Pointer(&m.Nodes[0]), 64*len(m.Nodes)+1
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SET_MEMPOLICY, uintptr(m.Mode), uintptr(mask), uintptr(bits))
	switch {
	case errors.Is(errno, unix.ENOSYS):
		return spec.Fieldf("linux.memoryPolicy", "the kernel has no NUMA support: set_mempolicy: %w", errno)
	case errno != 0:
		return spec.Fieldf("linux.memoryPolicy", "set_mempolicy(mode %#x, nodes %#x): %w", m.Mode, m.Nodes, errno)
	}
	return nil
}

// MaxCPU is more than the largest number of a CPU in any kernel (NR_CPUS). sched_setaffinity(2)
// ignores the CPUs that do not exist.
const MaxCPU = 8192

// resetAffinity lets the thread run on all CPUs of its cgroup, whatever CPUs berth's caller was
// bound to. Engines assign CPUs by cgroup. If the kernel refuses, the thread keeps its affinity.
func resetAffinity() {
	all := unix.NewCPUSet(MaxCPU)
	all.Fill()
	_ = unix.SchedSetaffinityDynamic(0, all)
}
