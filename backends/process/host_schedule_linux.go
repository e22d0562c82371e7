package process

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

var (
	schedulers = map[specs.LinuxSchedulerPolicy]uint32{
		specs.SchedOther:    unix.SCHED_NORMAL,
		specs.SchedFIFO:     unix.SCHED_FIFO,
		specs.SchedRR:       unix.SCHED_RR,
		specs.SchedBatch:    unix.SCHED_BATCH,
		specs.SchedISO:      unix.SCHED_NORMAL + 4, // SCHED_ISO is reserved, and no kernel has it.
		specs.SchedIdle:     unix.SCHED_IDLE,
		specs.SchedDeadline: unix.SCHED_DEADLINE,
	}
	schedulerFlags = map[specs.LinuxSchedulerFlag]uint64{
		specs.SchedFlagResetOnFork:  unix.SCHED_FLAG_RESET_ON_FORK,
		specs.SchedFlagReclaim:      unix.SCHED_FLAG_RECLAIM,
		specs.SchedFlagDLOverrun:    unix.SCHED_FLAG_DL_OVERRUN,
		specs.SchedFlagKeepPolicy:   unix.SCHED_FLAG_KEEP_POLICY,
		specs.SchedFlagKeepParams:   unix.SCHED_FLAG_KEEP_PARAMS,
		specs.SchedFlagUtilClampMin: unix.SCHED_FLAG_UTIL_CLAMP_MIN,
		specs.SchedFlagUtilClampMax: unix.SCHED_FLAG_UTIL_CLAMP_MAX,
	}
	ioClasses = map[specs.IOPriorityClass]int{
		specs.IOPRIO_CLASS_RT:   1,
		specs.IOPRIO_CLASS_BE:   2,
		specs.IOPRIO_CLASS_IDLE: 3,
	}
	personalities = map[specs.LinuxPersonalityDomain]uint32{
		specs.PerLinux:   0x0000,
		specs.PerLinux32: 0x0008,
	}
)

func (a *Attributes) takeSchedule(p *specs.Process, _ *specs.Spec) error {
	if s := p.Scheduler; s != nil {
		policy, err := lookUp(schedulers, "process.scheduler.policy", s.Policy)
		if err != nil {
			return err
		}
		a.Scheduler = &Scheduler{Policy: policy, Nice: s.Nice, Priority: uint32(s.Priority),
			Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
		for i, name := range s.Flags {
			flag, err := lookUp(schedulerFlags, fmt.Sprintf("process.scheduler.flags[%d]", i), name)
			if err != nil {
				return err
			}
			a.Scheduler.Flags |= flag
		}
	}
	if io := p.IOPriority; io != nil {
		class, err := lookUp(ioClasses, "process.ioPriority.class", io.Class)
		if err != nil {
			return err
		}
		value := class<<ioClassShift | io.Priority
		a.IOPriority = &value
	}
	return nil
}

// takePersonality refuses flags, of which the specification has none yet and spec only warns.
func (a *Attributes) takePersonality(_ *specs.Process, s *specs.Spec) error {
	if s == nil || s.Linux == nil || s.Linux.Personality == nil {
		return nil
	}
	if len(s.Linux.Personality.Flags) > 0 {
		return spec.Fieldf("linux.personality.flags", "must be empty: the specification defines no flags")
	}
	value, err := lookUp(personalities, "linux.personality.domain", s.Linux.Personality.Domain)
	if err != nil {
		return err
	}
	a.Personality = &value
	return nil
}
