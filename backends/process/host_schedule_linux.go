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

// takeSchedule checks process.scheduler against sched_setattr(2), and process.ioPriority.
func (a *Attributes) takeSchedule(p *specs.Process, _ *specs.Spec) error {
	if s := p.Scheduler; s != nil {
		policy, ok := schedulers[s.Policy]
		realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR
		nice := s.Policy == specs.SchedOther || s.Policy == specs.SchedBatch
		switch {
		case !ok:
			return spec.Fieldf("process.scheduler.policy", "unknown policy %q", s.Policy)
		case nice && (s.Nice < -20 || s.Nice > 19):
			return spec.Fieldf("process.scheduler.nice", "%d is not between -20 and 19", s.Nice)
		case s.Priority != 0 && !realtime:
			return spec.Fieldf("process.scheduler.priority", "%s takes none", s.Policy)
		case s.Priority < 0:
			return spec.Fieldf("process.scheduler.priority", "%d is negative", s.Priority)
		case s.Policy != specs.SchedDeadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
			return spec.Fieldf("process.scheduler", "runtime, deadline and period are for %s only", specs.SchedDeadline)
		}
		a.Scheduler = &Scheduler{Policy: policy, Nice: s.Nice, Priority: uint32(s.Priority),
			Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
		for i, name := range s.Flags {
			flag, ok := schedulerFlags[name]
			if !ok {
				return spec.Fieldf(fmt.Sprintf("process.scheduler.flags[%d]", i), "unknown flag %q", name)
			}
			a.Scheduler.Flags |= flag
		}
	}
	if io := p.IOPriority; io != nil {
		class, ok := ioClasses[io.Class]
		switch {
		case !ok:
			return spec.Fieldf("process.ioPriority.class", "unknown class %q", io.Class)
		case io.Priority < 0 || io.Priority > ioLevelMax:
			return spec.Fieldf("process.ioPriority.priority", "%d is not between 0 and %d", io.Priority, ioLevelMax)
		}
		value := class<<ioClassShift | io.Priority
		a.IOPriority = &value
	}
	return nil
}

func (a *Attributes) takePersonality(_ *specs.Process, s *specs.Spec) error {
	if s == nil || s.Linux == nil || s.Linux.Personality == nil {
		return nil
	}
	if len(s.Linux.Personality.Flags) > 0 {
		return spec.Fieldf("linux.personality.flags", "the specification defines none yet")
	}
	value, ok := personalities[s.Linux.Personality.Domain]
	if !ok {
		return spec.Fieldf("linux.personality.domain", "unknown domain %q", s.Linux.Personality.Domain)
	}
	a.Personality = &value
	return nil
}
