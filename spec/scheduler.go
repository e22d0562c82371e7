package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// scheduler checks process.scheduler by config.md#linux-process and the ranges of sched_setattr(2)
// and sched(7).
func (c *checker) scheduler(s *specs.Scheduler) {
	if s == nil {
		return
	}
	const path = "process.scheduler"
	oneOf(c, path+".policy", s.Policy, specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch,
		specs.SchedISO, specs.SchedIdle, specs.SchedDeadline)
	for i, f := range s.Flags {
		oneOf(c, at(path+".flags", i), f, specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun,
			specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax)
	}
	if s.Policy == specs.SchedISO {
		c.warnf(path+".policy", "SCHED_ISO is not in any mainline kernel")
	}
	if (s.Policy == specs.SchedOther || s.Policy == specs.SchedBatch) && (s.Nice < -20 || s.Nice > 19) {
		c.errorf(path+".nice", "must be from -20 to 19 with policy %s, not %d", s.Policy, s.Nice)
	}
	switch realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR; {
	case !realtime && s.Priority != 0:
		c.errorf(path+".priority", "must be 0 unless policy is SCHED_FIFO or SCHED_RR")
	case realtime && (s.Priority < 1 || s.Priority > 99):
		c.errorf(path+".priority", "must be from 1 to 99 with policy %s, not %d", s.Policy, s.Priority)
	}
	if s.Policy != specs.SchedDeadline {
		if s.Runtime != 0 || s.Deadline != 0 || s.Period != 0 {
			c.errorf(path, "runtime, deadline and period may be set only with policy SCHED_DEADLINE")
		}
		return
	}
	period := s.Period
	if period == 0 {
		period = s.Deadline
	}
	if s.Runtime < 1024 || s.Runtime > s.Deadline || s.Deadline > period || period >= 1<<63 {
		c.errorf(path, "runtime, deadline and period must be 1024 <= runtime <= deadline <= period, not %d, %d and %d", s.Runtime, s.Deadline, s.Period)
	}
}

// ioPriority checks process.ioPriority by config.md#linux-process and ioprio_set(2).
func (c *checker) ioPriority(p *specs.LinuxIOPriority) {
	if p == nil {
		return
	}
	oneOf(c, "process.ioPriority.class", p.Class, specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE)
	if p.Priority < 0 || p.Priority > 7 {
		c.errorf("process.ioPriority.priority", "must be from 0 to 7, not %d", p.Priority)
	}
}
