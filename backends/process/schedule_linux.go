package process

import (
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// Scheduler are the arguments of sched_setattr(2).
type Scheduler struct {
	Policy   uint32 `json:"policy"`
	Flags    uint64 `json:"flags,omitempty"`
	Nice     int32  `json:"nice,omitempty"`
	Priority uint32 `json:"priority,omitempty"`
	Runtime  uint64 `json:"runtime,omitempty"`
	Deadline uint64 `json:"deadline,omitempty"`
	Period   uint64 `json:"period,omitempty"`
}

const (
	ioClassShift = 13 // linux/ioprio.h
	ioWhoProcess = 1  // IOPRIO_WHO_PROCESS
)

// setScheduler sets the scheduler of process pid, or of the calling thread if pid is 0. A thread
// under SCHED_DEADLINE cannot fork (sched(7)).
func (a *Attributes) setScheduler(pid int) error {
	s := a.Scheduler
	if s == nil {
		return nil
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: s.Policy, Flags: s.Flags, Nice: s.Nice,
		Priority: s.Priority, Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
	if err := unix.SchedSetAttr(pid, &attr, 0); err != nil {
		return spec.Fieldf("process.scheduler", "sched_setattr(policy %d, nice %d, priority %d): %w",
			s.Policy, s.Nice, s.Priority, err)
	}
	return nil
}
