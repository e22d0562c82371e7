//go:build linux && integration

package conformance

import (
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// resourceTrials returns trials of limits, which the probe reads in the container's cgroup. On a
// host without controllers they only show which runtime refuses what it cannot do.
func resourceTrials() (list []trial) {
	for _, r := range []struct {
		name string
		edit func(r *specs.LinuxResources)
	}{
		{"memory.limit", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))} }},
		{"memory.limit -1", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(-1))} }},
		{"memory.swap", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(128 << 20))}
		}},
		{"memory.swap alone", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swap: ptr(int64(128 << 20))} }},
		{"memory.reservation", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Reservation: ptr(int64(32 << 20))} }},
		{"memory.swappiness", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr(uint64(10))} }},
		{"memory.disableOOMKiller", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{DisableOOMKiller: ptr(true)} }},
		{"memory.checkBeforeUpdate", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{CheckBeforeUpdate: ptr(true)} }},
		{"cpu.shares", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512))} }},
		{"cpu.quota", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000))}
		}},
		{"cpu.burst", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Burst: ptr(uint64(1000))}
		}},
		{"cpu.shares, least", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(2))} }},
		{"cpu.shares, most", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(262144))} }},
		{"cpu.period alone", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr(uint64(50000))} }},
		{"cpu.quota -1", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Quota: ptr(int64(-1))} }},
		{"memory.swap -1", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(-1))}
		}},
		{"unified, several", func(r *specs.LinuxResources) {
			r.Unified = map[string]string{"memory.low": "4096", "memory.min": "4096", "memory.oom.group": "1", "pids.max": "77", "cpu.weight": "33"}
		}},
		{"cpu.idle", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Idle: ptr(int64(1))} }},
		{"cpu.cpus", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }},
		{"cpu.realtimeRuntime", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{RealtimeRuntime: ptr(int64(1000))} }},
		{"pids.limit", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(50))} }},
		{"pids.limit -1", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))} }},
		{"pids.limit 0", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(0))} }},
		{"blockIO.weight", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: ptr(uint16(100))} }},
		{"hugepageLimits", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 2 << 20}}
		}},
		{"network.classID", func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(1))} }},
		{"rdma", func(r *specs.LinuxResources) {
			r.Rdma = map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: ptr(uint32(3))}}
		}},
		{"unified memory.high", func(r *specs.LinuxResources) { r.Unified = map[string]string{"memory.high": "100000000"} }},
		{"unified cgroup.max.depth", func(r *specs.LinuxResources) { r.Unified = map[string]string{"cgroup.max.depth": "3"} }},
		{"unified nosuch", func(r *specs.LinuxResources) { r.Unified = map[string]string{"nosuch.key": "1"} }},
		{"unified upwards", func(r *specs.LinuxResources) { r.Unified = map[string]string{"../memory.high": "1"} }},
		{"memory.useHierarchy", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{UseHierarchy: ptr(true)} }},
		{"cpu.realtimePeriod", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{RealtimePeriod: ptr(uint64(1000000))} }},
		{"blockIO.leafWeight", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{LeafWeight: ptr(uint16(100))} }},
		{"blockIO.weightDevice", func(r *specs.LinuxResources) {
			d := specs.LinuxWeightDevice{Weight: ptr(uint16(100)), LeafWeight: ptr(uint16(100))}
			d.Major, d.Minor = 7, 0
			r.BlockIO = &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{d}}
		}},
		{"blockIO.throttle", func(r *specs.LinuxResources) {
			d := specs.LinuxThrottleDevice{Rate: 1 << 20}
			d.Major, d.Minor = 7, 0
			all := []specs.LinuxThrottleDevice{d}
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: all, ThrottleWriteBpsDevice: all, ThrottleReadIOPSDevice: all, ThrottleWriteIOPSDevice: all}
		}},
		{"network.priorities", func(r *specs.LinuxResources) {
			r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 1}}}
		}},
		{"rdma objects", func(r *specs.LinuxResources) {
			r.Rdma = map[string]specs.LinuxRdma{"mlx5_1": {HcaObjects: ptr(uint32(3))}}
		}},
		{"empty", func(*specs.LinuxResources) {}},
	} {
		list = append(list, trial{"linux.resources." + r.name, func(c *config) {
			c.mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro")
			c.Linux.Resources = &specs.LinuxResources{}
			r.edit(c.Linux.Resources)
		}})
	}
	list = append(list, trial{"linux.resources.memory.kernel", func(c *config) {
		c.set["linux.resources.memory.kernel"], c.set["linux.resources.memory.kernelTCP"] = 64<<20, 64<<20
	}})
	for i, rules := range [][]specs.LinuxDeviceCgroup{
		{{Allow: false, Access: "rwm"}},
		{{Allow: true, Access: "rwm"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rwm"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(7)), Access: "m"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "b", Major: ptr(int64(7)), Access: "rm"}},
		{{Allow: true, Access: "rwm"}, {Allow: false, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rw"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Access: "m"}, {Allow: true, Type: "b", Access: "m"}},
		{{Allow: false, Type: "x", Access: "rwm"}},
		{{Allow: true, Type: "c", Major: ptr(int64(-1)), Minor: ptr(int64(-1)), Access: "rwm"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(10)), Access: "mwr"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Type: "a", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rmw"}},
		{{Allow: false, Access: "rwm"}, {Allow: true, Access: "r"}},
	} {
		list = append(list, trial{fmt.Sprintf("linux.resources.devices %d", i), func(c *config) {
			c.Linux.Resources = &specs.LinuxResources{Devices: rules}
			c.Process.NoNewPrivileges = false
		}})
	}
	return list
}

func deviceTrials() (list []trial) {
	for name, d := range map[string]specs.LinuxDevice{
		"character":         {Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229},
		"with mode":         {Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: ptr(os.FileMode(0o641)), UID: ptr(uint32(7)), GID: ptr(uint32(8))},
		"with setuid bits":  {Path: "/dev/x", Type: "c", Major: 10, Minor: 229, FileMode: ptr(os.FileMode(0o7777))},
		"block":             {Path: "/dev/loop7", Type: "b", Major: 7, Minor: 7, FileMode: ptr(os.FileMode(0o660))},
		"unbuffered":        {Path: "/dev/u", Type: "u", Major: 10, Minor: 229},
		"pipe":              {Path: "/dev/pipe", Type: "p", FileMode: ptr(os.FileMode(0o622))},
		"pipe with numbers": {Path: "/dev/pipe", Type: "p", Major: 1, Minor: 2},
		"deep":              {Path: "/dev/a/b/c", Type: "c", Major: 1, Minor: 3},
		"outside /dev":      {Path: "/etc/deep/null", Type: "c", Major: 1, Minor: 3},
		"a usual one":       {Path: "/dev/null", Type: "c", Major: 1, Minor: 5, FileMode: ptr(os.FileMode(0o600))},
		"relative":          {Path: "dev/x", Type: "c", Major: 1, Minor: 3},
		"of no type":        {Path: "/dev/x", Major: 1, Minor: 3},
		"of type x":         {Path: "/dev/x", Type: "x", Major: 1, Minor: 3},
		"on a file":         {Path: "/etc/passwd", Type: "c", Major: 1, Minor: 3},
		"on the root":       {Path: "/", Type: "c", Major: 1, Minor: 3},
		"upwards":           {Path: "/dev/../../../x", Type: "c", Major: 1, Minor: 3},
		"negative":          {Path: "/dev/x", Type: "c", Major: -1, Minor: 3},
	} {
		list = append(list, trial{"linux.devices " + name, func(c *config) { c.Linux.Devices = []specs.LinuxDevice{d} }})
		if name == "character" || name == "with mode" || name == "pipe" {
			list = append(list, trial{"linux.devices in a user namespace, " + name, func(c *config) {
				c.userNamespace(100000)
				c.Linux.Devices = []specs.LinuxDevice{d}
			}})
		}
	}
	for name, access := range map[string]string{"denied": "", "for reading": "r"} {
		list = append(list, trial{"linux.devices a default one, " + name, func(c *config) {
			c.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/full", Type: "c", Major: 1, Minor: 7}}
			c.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}
			if access != "" {
				c.Linux.Resources.Devices = append(c.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(7)), Access: access})
			}
		}})
	}
	return sorted(list)
}

func seccompTrials() []trial {
	s := func(name string, filter specs.LinuxSeccomp) trial {
		return trial{"linux.seccomp " + name, func(c *config) {
			if filter.DefaultAction == "" {
				filter.DefaultAction = specs.ActAllow
			}
			c.Linux.Seccomp = &filter
		}}
	}
	rule := func(action specs.LinuxSeccompAction, names ...string) []specs.LinuxSyscall {
		return []specs.LinuxSyscall{{Names: names, Action: action}}
	}
	with := func(list []specs.LinuxSyscall, edit func(s *specs.LinuxSyscall)) []specs.LinuxSyscall {
		edit(&list[0])
		return list
	}
	const get = specs.ActErrno
	return []trial{
		s("nothing", specs.LinuxSeccomp{}),
		s("errno", specs.LinuxSeccomp{Syscalls: rule(get, "mkdirat", "mkdir")}),
		s("errnoRet", specs.LinuxSeccomp{Syscalls: with(rule(get, "mkdirat"), func(s *specs.LinuxSyscall) { s.ErrnoRet = ptr(uint(38)) })}),
		s("errnoRet of another action", specs.LinuxSeccomp{Syscalls: with(rule(specs.ActAllow, "mkdirat"), func(s *specs.LinuxSyscall) { s.ErrnoRet = ptr(uint(38)) })}),
		s("unknown call", specs.LinuxSeccomp{Syscalls: rule(get, "nosuch_call", "getcpu")}),
		s("argument", specs.LinuxSeccomp{Syscalls: with(rule(get, "keyctl", "bpf"), func(s *specs.LinuxSyscall) {
			s.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 99, Op: specs.OpEqualTo}}
		})}),
		s("masked argument", specs.LinuxSeccomp{Syscalls: with(rule(get, "keyctl"), func(s *specs.LinuxSyscall) {
			s.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 0xf, ValueTwo: 3, Op: specs.OpMaskedEqual}}
		})}),
		s("two conditions on one argument", specs.LinuxSeccomp{Syscalls: with(rule(get, "keyctl"), func(s *specs.LinuxSyscall) {
			s.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 98, Op: specs.OpEqualTo}, {Index: 0, Value: 99, Op: specs.OpEqualTo}}
		})}),
		s("argument 6", specs.LinuxSeccomp{Syscalls: with(rule(get, "keyctl"), func(s *specs.LinuxSyscall) {
			s.Args = []specs.LinuxSeccompArg{{Index: 6, Value: 98, Op: specs.OpEqualTo}}
		})}),
		s("architectures", specs.LinuxSeccomp{Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}, Syscalls: rule(get, "getcpu")}),
		s("another architecture", specs.LinuxSeccomp{Architectures: []specs.Arch{specs.ArchAARCH64}, Syscalls: rule(get, "getcpu")}),
		s("no such architecture", specs.LinuxSeccomp{Architectures: []specs.Arch{"SCMP_ARCH_NONE"}, Syscalls: rule(get, "getcpu")}),
		s("flag LOG", specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}, Syscalls: rule(get, "getcpu")}),
		s("flag SPEC_ALLOW", specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}, Syscalls: rule(get, "getcpu")}),
		s("flag TSYNC", specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC"}, Syscalls: rule(get, "getcpu")}),
		s("flag WAIT_KILLABLE", specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, Syscalls: rule(get, "getcpu")}),
		s("no such flag", specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_NONE"}, Syscalls: rule(get, "getcpu")}),
		s("log", specs.LinuxSeccomp{Syscalls: rule(specs.ActLog, "getcpu")}),
		s("trap", specs.LinuxSeccomp{Syscalls: rule(specs.ActTrap, "getcpu")}),
		s("kill", specs.LinuxSeccomp{Syscalls: rule(specs.ActKillProcess, "getcpu")}),
		s("trace", specs.LinuxSeccomp{Syscalls: rule(specs.ActTrace, "getcpu")}),
		s("no such action", specs.LinuxSeccomp{Syscalls: rule("SCMP_ACT_NONE", "getcpu")}),
		s("default errno number", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(uint(38)), Syscalls: rule(specs.ActAllow, "getcpu")}),
		s("default errno of another action", specs.LinuxSeccomp{DefaultErrnoRet: ptr(uint(38)), Syscalls: rule(get, "getcpu")}),
		s("default errno", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: rule(specs.ActAllow, "getcpu")}),
		s("listener not there", specs.LinuxSeccomp{ListenerPath: "/nosuch/socket", Syscalls: rule(specs.ActNotify, "getcpu")}),
		s("listener without notify", specs.LinuxSeccomp{ListenerPath: "/nosuch/socket", Syscalls: rule(get, "getcpu")}),
		s("notify without listener", specs.LinuxSeccomp{Syscalls: rule(specs.ActNotify, "getcpu")}),
		trial{"linux.seccomp with privileges", func(c *config) {
			c.Process.NoNewPrivileges = false
			c.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rule(get, "getcpu")}
		}},
		trial{"linux.seccomp for a user", func(c *config) {
			c.Process.NoNewPrivileges, c.Process.User.UID = false, 1000
			c.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rule(get, "getcpu")}
		}},
	}
}

// invalidTrials returns trials of invalid configurations, to see which runtime refuses them.
func invalidTrials() (list []trial) {
	for _, v := range []struct {
		path  string
		value any
	}{
		{"ociVersion", nil}, {"ociVersion", ""}, {"ociVersion", "2.0.0"}, {"ociVersion", "nonsense"}, {"ociVersion", "1.9.0"}, {"ociVersion", "1.0.0-rc1"},
		{"process", nil}, {"process.args", nil}, {"process.args", []string{}}, {"process.cwd", nil}, {"process.cwd", "relative"}, {"process.cwd", ""},
		{"process.args", "not a list"}, {"process.user.uid", -1}, {"process.user.uid", 1 << 40}, {"process.user", nil},
		{"root", nil}, {"root.path", nil}, {"root.path", ""}, {"linux", nil}, {"linux.namespaces", nil}, {"mounts", "x"},
		{"nosuch", map[string]any{"x": 1}}, {"process.nosuch", 1}, {"linux.resources.memory.limit", "64m"}, {"linux.maskedPaths", "x"},
		{"windows", map[string]any{"layerFolders": []string{"x"}}}, {"vm", map[string]any{}}, {"linux.rootfsPropagation", ""},
		{"process.consoleSize", map[string]any{"height": 25, "width": 80}}, {"process.commandLine", "x"}, {"hostname", ""},
		{"linux.sysctl", map[string]any{"../../etc/x": "1"}}, {"linux.sysctl", map[string]any{"net..ipv4.ip_forward": "1"}},
	} {
		list = append(list, trial{fmt.Sprintf("%s = %v", v.path, v.value), func(c *config) { c.set[v.path] = v.value }})
	}
	return list
}
