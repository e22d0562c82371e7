//go:build linux && integration

package conformance

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// trial is a configuration that differs from the usual one in one thing.
type trial struct {
	name string
	edit func(c *config)
}

// trials returns all trials, ordered by the parts of config.json.
func trials() []trial {
	list := []trial{{"usual", func(*config) {}}}
	for _, part := range []func() []trial{processTrials, userTrials, mountTrials, bindTrials, targetTrials, namespaceTrials, linuxTrials, pathTrials, resourceTrials, deviceTrials, seccompTrials, invalidTrials} {
		list = append(list, part()...)
	}
	return list
}

func processTrials() []trial {
	p := func(name string, edit func(p *specs.Process)) trial {
		return trial{"process." + name, func(c *config) { edit(c.Process) }}
	}
	list := []trial{
		p("cwd, deep", func(p *specs.Process) { p.Cwd = "/etc/deep" }),
		p("cwd, not there", func(p *specs.Process) { p.Cwd = "/made/for/it" }),
		p("cwd, with dots", func(p *specs.Process) { p.Cwd = "/etc/../tmp/./" }),
		p("cwd, a file", func(p *specs.Process) { p.Cwd = "/probe" }),
		p("cwd, in proc", func(p *specs.Process) { p.Cwd = "/proc/self" }),
		p("args, many", func(p *specs.Process) { p.Args = append(p.Args, slices.Repeat([]string{"/nosuch"}, 500)...) }),
		p("args, by PATH", func(p *specs.Process) { p.Args = []string{"probe"}; p.Env = []string{"PATH=/nosuch:/:/bin"} }),
		p("args, relative", func(p *specs.Process) { p.Args = []string{"./probe"} }),
		p("args, empty name", func(p *specs.Process) { p.Args = []string{""} }),
		p("args, not there", func(p *specs.Process) { p.Args = []string{"/nosuch"} }),
		p("args, not executable", func(p *specs.Process) { p.Args = []string{"/etc/passwd"} }),
		p("args, a directory", func(p *specs.Process) { p.Args = []string{"/etc"} }),
		p("env, none", func(p *specs.Process) { p.Env = nil }),
		p("env, HOME", func(p *specs.Process) { p.Env = append(p.Env, "HOME=/elsewhere") }),
		p("env, HOME empty", func(p *specs.Process) { p.Env = append(p.Env, "HOME=") }),
		p("env, twice", func(p *specs.Process) { p.Env = append(p.Env, "A=1", "A=2") }),
		p("env, odd", func(p *specs.Process) { p.Env = append(p.Env, "E=", "N=a\nb", "=x", "SP= y ") }),
		p("env, no equal sign", func(p *specs.Process) { p.Env = append(p.Env, "NOTHING") }),
		p("noNewPrivileges, not", func(p *specs.Process) { p.NoNewPrivileges = false }),
		p("oomScoreAdj 500", func(p *specs.Process) { p.OOMScoreAdj = ptr(500) }),
		p("oomScoreAdj 1000", func(p *specs.Process) { p.OOMScoreAdj = ptr(1000) }),
		p("oomScoreAdj 0", func(p *specs.Process) { p.OOMScoreAdj = ptr(0) }),
		p("oomScoreAdj 1001", func(p *specs.Process) { p.OOMScoreAdj = ptr(1001) }),
		p("ioPriority, best effort", func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 3}
		}),
		p("ioPriority, idle", func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE} }),
		p("ioPriority, real time", func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 7}
		}),
		p("ioPriority, none such", func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_X"} }),
		p("apparmorProfile, without AppArmor", func(p *specs.Process) { p.ApparmorProfile = "nosuch" }),
		p("apparmorProfile, unconfined", func(p *specs.Process) { p.ApparmorProfile = "unconfined" }),
		p("selinuxLabel, without SELinux", func(p *specs.Process) { p.SelinuxLabel = "system_u:system_r:container_t:s0" }),
		p("execCPUAffinity", func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0"} }),
	}
	for _, s := range []specs.Scheduler{
		{Policy: specs.SchedOther, Nice: 5}, {Policy: specs.SchedBatch, Nice: 3}, {Policy: specs.SchedIdle}, {Policy: specs.SchedFIFO, Priority: 1},
		{Policy: specs.SchedRR, Priority: 2}, {Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}},
		{Policy: specs.SchedDeadline, Runtime: 10_000_000, Deadline: 30_000_000, Period: 40_000_000}, {Policy: "SCHED_NONE"}, {Policy: specs.SchedFIFO, Priority: 1000},
	} {
		list = append(list, p(fmt.Sprintf("scheduler %s %d %d %v", s.Policy, s.Nice, s.Priority, s.Flags), func(p *specs.Process) { p.Scheduler = &s }))
	}
	for _, r := range []string{"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK", "NONE"} {
		value := uint64(1 << 32)
		switch r {
		case "NICE", "RTPRIO", "LOCKS":
			value = 0
		case "STACK", "MEMLOCK", "MSGQUEUE":
			value = 65536 * 4
		case "SIGPENDING", "NPROC":
			value = 500
		}
		list = append(list, p("rlimits RLIMIT_"+r, func(p *specs.Process) {
			p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + r, Soft: value / 2, Hard: value})
		}))
	}
	return append(list,
		p("rlimits twice", func(p *specs.Process) { p.Rlimits = append(p.Rlimits, p.Rlimits[0]) }),
		p("rlimits soft above hard", func(p *specs.Process) { p.Rlimits[0].Soft = 2000 }),
		p("rlimits unlimited", func(p *specs.Process) {
			p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: 1<<64 - 1, Hard: 1<<64 - 1})
		}),
	)
}

func userTrials() []trial {
	u := func(name string, edit func(c *config)) trial { return trial{"process.user " + name, edit} }
	some := []string{"CAP_CHOWN", "CAP_KILL"}
	list := []trial{
		u("uid", func(c *config) { c.Process.User.UID = 1000 }),
		u("uid and gid", func(c *config) { c.Process.User.UID, c.Process.User.GID = 1000, 1001 }),
		u("gid alone", func(c *config) { c.Process.User.GID = 7 }),
		u("additionalGids", func(c *config) { c.Process.User.AdditionalGids = []uint32{5, 7, 5000, 7} }),
		u("many additionalGids", func(c *config) {
			for g := range uint32(300) {
				c.Process.User.AdditionalGids = append(c.Process.User.AdditionalGids, g+10)
			}
		}),
		u("umask", func(c *config) { c.Process.User.Umask = ptr(uint32(0o137)) }),
		u("umask 0", func(c *config) { c.Process.User.Umask = ptr(uint32(0)) }),
		u("unknown in passwd", func(c *config) { c.Process.User.UID = 54321 }),
		u("without passwd", func(c *config) { c.linkInRoot("/nosuch", "etc/passwd.link") }),
		u("not mapped", func(c *config) { c.userNamespace(100000); c.Process.User.UID = 70000 }),
		u("in a user namespace", func(c *config) { c.userNamespace(100000); c.Process.User.UID, c.Process.User.GID = 1000, 1000 }),
		u("groups in a user namespace", func(c *config) { c.userNamespace(100000); c.Process.User.AdditionalGids = []uint32{5, 7} }),
	}
	for name, caps := range map[string]*specs.LinuxCapabilities{
		"all but ambient":          {Bounding: some, Effective: some, Permitted: some, Inheritable: some},
		"ambient":                  {Bounding: some, Effective: some, Permitted: some, Inheritable: some, Ambient: some[:1]},
		"bounding alone":           {Bounding: some},
		"permitted, not effective": {Bounding: some, Permitted: some, Inheritable: some},
		"none":                     {},
		"unknown":                  {Bounding: append([]string{"CAP_NONE"}, some...), Permitted: append([]string{"CAP_NONE"}, some...)},
		"twice":                    {Bounding: append(some, some...), Effective: some, Permitted: some},
		"effective alone":          {Effective: some},
		"ambient alone":            {Ambient: some},
		"without prefix":           {Bounding: []string{"CHOWN"}},
		"in lower case":            {Bounding: []string{"cap_chown"}, Permitted: []string{"cap_chown"}},
	} {
		for _, uid := range []uint32{0, 1000} {
			list = append(list, trial{fmt.Sprintf("process.capabilities %s, uid %d", name, uid), func(c *config) {
				c.Process.Capabilities, c.Process.User.UID = caps, uid
			}})
		}
	}
	list = append(list,
		trial{"process.capabilities absent", func(c *config) { c.Process.Capabilities = nil }},
		trial{"process.capabilities absent, uid 1000", func(c *config) { c.Process.Capabilities, c.Process.User.UID = nil, 1000 }})
	slices.SortFunc(list, func(a, b trial) int { return strings.Compare(a.name, b.name) })
	return list
}
