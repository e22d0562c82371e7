package spec

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// process checks config.md#process. A missing process is only a Warning here, because the
// specification requires it only at start. berth's own backends refuse such a config at create,
// because they make the process together with the container.
func (c *checker) process(p *specs.Process) {
	if p == nil {
		// Whether a missing process is an error depends on the backend.
		c.warnf("process", "is required for start")
		return
	}
	switch {
	case len(p.Args) == 0:
		c.errorf("process.args", "args must not be empty")
	case p.Args[0] == "":
		c.warnf("process.args[0]", "is empty: no file can be executed")
	}
	c.absolute("process.cwd", p.Cwd)
	c.environment("process.env", p.Env)
	if p.CommandLine != "" {
		c.warnf("process.commandLine", "is only for Windows and is ignored")
	}
	if b := p.ConsoleSize; b != nil && p.Terminal && (b.Height > 0xffff || b.Width > 0xffff) {
		c.errorf("process.consoleSize", "height and width must be at most 65535")
	}
	c.user(&p.User)
	c.rlimits(p.Rlimits)
	if c.platform != Linux {
		return
	}
	if a := p.OOMScoreAdj; a != nil && (*a < -1000 || *a > 1000) {
		c.errorf("process.oomScoreAdj", "must be from -1000 to 1000, not %d", *a)
	}
	c.printable("process.apparmorProfile", p.ApparmorProfile)
	c.printable("process.selinuxLabel", p.SelinuxLabel)
	c.capabilities(p.Capabilities)
	c.scheduler(p.Scheduler)
	c.ioPriority(p.IOPriority)
	if a := p.ExecCPUAffinity; a != nil {
		c.cpuList("process.execCPUAffinity.initial", a.Initial)
		c.cpuList("process.execCPUAffinity.final", a.Final)
	}
}

// environment checks a list of NAME=VALUE. An entry of another form is only a Warning, because
// execve(2) and crun accept it.
func (c *checker) environment(path string, env []string) {
	for i, e := range env {
		if n := strings.IndexByte(e, '='); n < 0 {
			c.warnf(at(path, i), "should be NAME=VALUE: %s has no =", quote(e))
		} else if n == 0 {
			c.warnf(at(path, i), "should be NAME=VALUE, but has no name")
		}
	}
}

// user checks config.md#posix-platform-user. setuid(2) reads the id 4294967295 as -1, which means
// no id.
func (c *checker) user(u *specs.User) {
	const (
		none   = 1<<32 - 1
		groups = 65536 // NGROUPS_MAX of Linux, limits.h
	)
	if u.UID == none {
		c.errorf("process.user.uid", "must be less than %d", uint32(none))
	}
	if u.GID == none {
		c.errorf("process.user.gid", "must be less than %d", uint32(none))
	}
	if len(u.AdditionalGids) > groups {
		c.errorf("process.user.additionalGids", "must have at most %d entries, not %d", groups, len(u.AdditionalGids))
	}
	for i, g := range u.AdditionalGids {
		if g == none {
			c.errorf(at("process.user.additionalGids", i), "must be less than %d", uint32(none))
		}
	}
	if u.Username != "" {
		c.warnf("process.user.username", "is only for Windows and is ignored: uid and gid are used")
	}
	if m := u.Umask; m != nil && *m > 0o7777 {
		c.errorf("process.user.umask", "must be at most %d (octal 0777), not %d: numbers in JSON are decimal", 0o777, *m)
	} else if m != nil && *m > 0o777 {
		c.warnf("process.user.umask", "should be at most %d (octal 0777), not %d (octal %#o): umask(2) ignores the other bits", 0o777, *m, *m)
	}
}
