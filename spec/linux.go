package spec

import (
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// linux checks config-linux.md.
func (c *checker) linux(l *specs.Linux) {
	c.namespaces(l)
	c.userMappings(l)
	c.timeOffsets(l)
	c.devices(l.Devices)
	c.netDevices(l)
	c.cgroupsPath(l.CgroupsPath)
	c.resources(l.Resources)
	c.intelRdt(l.IntelRdt)
	c.memoryPolicy(l.MemoryPolicy)
	c.sysctls(l.Sysctl)
	c.seccomp(l.Seccomp)
	c.rootfsPropagation(l.RootfsPropagation)
	c.hiddenPaths(l)
	c.printable("linux.mountLabel", l.MountLabel)
	if p := l.Personality; p != nil {
		oneOf(c, "linux.personality.domain", p.Domain, specs.PerLinux, specs.PerLinux32)
		if len(p.Flags) > 0 {
			c.warnf("linux.personality.flags", "are ignored: the specification defines no flags")
		}
	}
}

// Limits of the kernel: NAME_MAX, and PATH_MAX less some room for the mount point in front and the
// files below.
const (
	maxCgroupName = 255
	maxCgroupPath = 3072
)

// cgroupsPath checks a path, or systemd's slice:prefix:name, as the --systemd-cgroup flag selects.
// crun refuses ".." too.
func (c *checker) cgroupsPath(p string) {
	const path = "linux.cgroupsPath"
	if slices.Contains(strings.Split(p, "/"), "..") {
		c.errorf(path, "must not contain the component \"..\": %s", quote(p))
	}
	tooLong := func(name string) bool { return len(name) > maxCgroupName }
	if len(p) > maxCgroupPath || slices.ContainsFunc(strings.Split(p, "/"), tooLong) {
		c.errorf(path, "must be at most %d bytes long, and each name in it at most %d: it is %d bytes long", maxCgroupPath, maxCgroupName, len(p))
	}
	c.printable(path, p)
}

// rootfsPropagation warns of the recursive modes. runc and crun accept them and engines send them,
// but they are not in the text.
func (c *checker) rootfsPropagation(p string) {
	const path = "linux.rootfsPropagation"
	switch p {
	case "":
	case "rshared", "rslave", "rprivate", "runbindable":
		c.warnf(path, "should be %s: the specification does not define %s", p[1:], p)
	default:
		oneOf(c, path, p, "shared", "slave", "private", "unbindable")
	}
}

// hiddenPaths checks maskedPaths and readonlyPaths. If the container has no mount namespace of its
// own, masking a path would hide it from the host. runc refuses that.
func (c *checker) hiddenPaths(l *specs.Linux) {
	_, kind := Namespace(c.s, specs.MountNamespace)
	for _, list := range []struct {
		path  string
		paths []string
	}{{"linux.maskedPaths", l.MaskedPaths}, {"linux.readonlyPaths", l.ReadonlyPaths}} {
		if len(list.paths) > 0 && kind == Host {
			c.errorf(list.path, "unable to restrict sys entries without a private MNT namespace: linux.namespaces must have mount")
		}
		for i, p := range list.paths {
			c.absolute(at(list.path, i), p)
		}
	}
}

// memoryPolicy checks config-linux.md#memory-policy and the rules of set_mempolicy(2).
func (c *checker) memoryPolicy(m *specs.LinuxMemoryPolicy) {
	if m == nil {
		return
	}
	const path = "linux.memoryPolicy"
	oneOf(c, path+".mode", m.Mode, specs.MpolDefault, specs.MpolBind, specs.MpolInterleave, specs.MpolWeightedInterleave,
		specs.MpolPreferred, specs.MpolPreferredMany, specs.MpolLocal)
	for i, f := range m.Flags {
		oneOf(c, at(path+".flags", i), f, specs.MpolFNumaBalancing, specs.MpolFRelativeNodes, specs.MpolFStaticNodes)
	}
	if slices.Contains(m.Flags, specs.MpolFRelativeNodes) && slices.Contains(m.Flags, specs.MpolFStaticNodes) {
		c.errorf(path+".flags", "MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES are mutually exclusive")
	}
	nodes := c.cpuList(path+".nodes", m.Nodes)
	switch m.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if nodes > 0 {
			c.errorf(path+".nodes", "must be empty with mode %s", m.Mode)
		}
	case specs.MpolBind, specs.MpolInterleave, specs.MpolWeightedInterleave, specs.MpolPreferredMany:
		if nodes == 0 {
			c.errorf(path+".nodes", "is required with mode %s", m.Mode)
		}
	}
}

// intelRdt checks config-linux.md#intelrdt.
func (c *checker) intelRdt(r *specs.LinuxIntelRdt) {
	if r == nil {
		return
	}
	const path = "linux.intelRdt"
	if id := r.ClosID; id == "." || id == ".." || id != "/" && strings.Contains(id, "/") {
		c.errorf(path+".closID", "must be the name of a directory, or / for the default class, not %s", quote(id))
	}
	c.printable(path+".closID", r.ClosID)
	line := func(path, s string) {
		if strings.Contains(s, "\n") {
			c.errorf(path, "must be a single line, not %s", quote(s))
		}
	}
	line(path+".l3CacheSchema", r.L3CacheSchema)
	if s := r.L3CacheSchema; s != "" && !strings.HasPrefix(s, "L3:") {
		c.warnf(path+".l3CacheSchema", "should start with L3:, but is %s", quote(s))
	}
	line(path+".memBwSchema", r.MemBwSchema)
	if s := r.MemBwSchema; s != "" && !strings.HasPrefix(s, "MB:") {
		c.errorf(path+".memBwSchema", "must start with MB:, but is %s", quote(s))
	}
	for i, s := range r.Schemata {
		line(at(path+".schemata", i), s)
	}
}

// timeOffsets checks config-linux.md#offset-for-time-namespace. By time_namespaces(7), the offsets
// can be set only before the namespace has a process.
func (c *checker) timeOffsets(l *specs.Linux) {
	const path = "linux.timeOffsets"
	if len(l.TimeOffsets) == 0 {
		return
	}
	switch _, kind := Namespace(c.s, specs.TimeNamespace); kind {
	case Host:
		c.errorf(path, "time namespace offsets specified, but time namespace isn't enabled in the config")
	case Path:
		c.errorf(path, "cannot be set if linux.namespaces gives the time namespace a path")
	}
	for _, clock := range slices.Sorted(maps.Keys(l.TimeOffsets)) {
		if clock != "monotonic" && clock != "boottime" {
			c.errorf(path+key(clock), "must be monotonic or boottime")
		}
		if n := l.TimeOffsets[clock].Nanosecs; n >= 1e9 {
			c.errorf(path+key(clock)+".nanosecs", "must be less than 1000000000, not %d", n)
		}
	}
}
