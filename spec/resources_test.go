package spec

import "testing"

func TestResourceRules(t *testing.T) {
	in := func(s string) string { return `{"linux":{"resources":{` + s + `}}}` }
	runRules(t, Linux, []rule{
		{"zeros", in(`"memory":{"limit":0,"swap":0},"cpu":{"shares":0,"quota":0,"period":0},"pids":{"limit":0},"blockIO":{"weight":0}`), nil},
		{"unlimited", in(`"memory":{"limit":-1,"swap":-1,"reservation":-1},"cpu":{"quota":-1},"pids":{"limit":-1}`), nil},
		{"device rules", in(`"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":-1,"minor":-1,"access":"m"}]`), nil},
		{"device rule words", in(`"devices":[{"allow":true,"type":"p","access":"x","major":-2,"minor":1048576},{"access":""},{"allow":false,"access":"rwa"}]`),
			[]string{"warning linux.resources.devices[1].allow: is required", "error linux.resources.devices[0].type: one of a, c, b",
				"error linux.resources.devices[0].access: of r, w and m", "error linux.resources.devices[0].major: -1 for all",
				"error linux.resources.devices[0].minor: 0 to 1048575", "warning linux.resources.devices[1].access: is empty",
				`warning linux.resources.devices[2].access: should consist of r, w and m, not "rwa": other letters are`}},
		{"memory range", in(`"memory":{"limit":-2,"swappiness":101}`),
			[]string{"error linux.resources.memory.limit: -1 for unlimited", "error linux.resources.memory.swappiness: 0 to 100"}},
		{"swap below limit", in(`"memory":{"limit":10,"swap":9}`), []string{"error linux.resources.memory.swap: should be >= memory limit"}},
		{"swap alone", in(`"memory":{"swap":9}`), []string{"error linux.resources.memory.swap: without memory limit"}},
		{"reservation", in(`"memory":{"limit":10,"reservation":11}`), []string{"warning linux.resources.memory.reservation: is greater than limit: 11 > 10"}},
		{"kernel memory", in(`"memory":{"kernel":1,"kernelTCP":1}`),
			[]string{"warning linux.resources.memory.kernel: ignore", "warning linux.resources.memory.kernelTCP: ignore"}},
		{"cpu ranges", in(`"cpu":{"period":999,"quota":999,"burst":1000,"shares":1,"idle":2,"realtimeRuntime":3,"realtimePeriod":2}`),
			[]string{"error linux.resources.cpu.period: 1000 to", "error linux.resources.cpu.quota: at least 1000", "error linux.resources.cpu.burst: must not be greater than quota: 1000 > 999",
				"warning linux.resources.cpu.shares: 2 to 262144", "error linux.resources.cpu.idle: 0 or 1", "error linux.resources.cpu.realtimeRuntime: must not be greater than realtimePeriod: 3 > 2"}},
		{"cpu lists", in(`"cpu":{"cpus":"0-3,7","mems":"0"}`), nil},
		{"cpu lists of the kernel", in(`"cpu":{"cpus":"0-31:2/8","mems":"0, 1,"}`),
			[]string{"warning linux.resources.cpu.cpus: should be", "warning linux.resources.cpu.mems: should be"}},
		{"cpu lists wrong", in(`"cpu":{"cpus":"a","mems":"1\nlxc.x=y"}`),
			[]string{"error linux.resources.cpu.cpus: numbers and ranges", "error linux.resources.cpu.mems: control"}},
		{"pids", in(`"pids":{"limit":-2}`), []string{"warning linux.resources.pids.limit: -1"}},
		{"block weights", in(`"blockIO":{"weight":1001,"leafWeight":5,"weightDevice":[{"major":8,"minor":0}]}`),
			[]string{"error linux.resources.blockIO.weight: 10 to 1000", "warning linux.resources.blockIO.leafWeight: 10 to 1000",
				"error linux.resources.blockIO.weightDevice[0]: weight or leafWeight"}},
		{"block throttles", in(`"blockIO":{"throttleReadBpsDevice":[{"major":-1,"minor":0,"rate":1}],"throttleWriteIOPSDevice":[{"major":8,"minor":0}]}`),
			[]string{"warning linux.resources.blockIO.throttleWriteIOPSDevice[0].rate: is required", "error linux.resources.blockIO.throttleReadBpsDevice[0]: major must be from 0 to 4095 and minor from 0 to 1048575"}},
		{"huge pages", in(`"hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"64KB","limit":1},{"pageSize":"2MB","limit":2}]`),
			[]string{"warning linux.resources.hugepageLimits[2].pageSize: twice"}},
		{"huge page sizes", in(`"hugepageLimits":[{"pageSize":"2Mi","limit":1},{"pageSize":"","limit":1},{"pageSize":"../2MB","limit":1},{"pageSize":"MB","limit":1}]`),
			[]string{"error linux.resources.hugepageLimits[0].pageSize: 2MB", "error linux.resources.hugepageLimits[1].pageSize: 2MB",
				"error linux.resources.hugepageLimits[2].pageSize: 2MB", "error linux.resources.hugepageLimits[3].pageSize: 2MB"}},
		{"network priorities", in(`"network":{"priorities":[{"name":"","priority":1}]}`), []string{"error linux.resources.network.priorities[0].name: network device"}},
		{"rdma", in(`"rdma":{"mlx5_1":{},"a b":{"hcaObjects":1}}`),
			[]string{`error linux.resources.rdma["a b"]: must be the name of a device`, `error linux.resources.rdma["mlx5_1"]: hcaHandles or`}},
		{"unified", in(`"unified":{"io.max":"259:0 rbps=1\n253:0 rbps=2","../x":"1","":"1","a\nb":"1"}`),
			[]string{`error linux.resources.unified[""]: must be the name of a file in the cgroup, without slashes`, `error linux.resources.unified["../x"]: must be the name of a file in the cgroup, without slashes`, `error linux.resources.unified["a\nb"]: control`}},
	})
}

func TestSeccompRules(t *testing.T) {
	in := func(s string) string { return `{"linux":{"seccomp":{` + s + `}}}` }
	ok := `"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,`
	runRules(t, Linux, []rule{
		{"empty", `{"linux":{"seccomp":{}}}`, []string{"warning linux.seccomp: ignored"}},
		{"no default", in(`"syscalls":[{"names":["x"],"action":"SCMP_ACT_ALLOW"}]`), []string{"error linux.seccomp.defaultAction: is required"}},
		{"words", in(`"defaultAction":"DENY","architectures":["amd64"],"flags":["LOG","SECCOMP_FILTER_FLAG_TSYNC"],"syscalls":[{"names":["x"],"action":"X","args":[{"index":6,"value":0,"op":"="}]}]`),
			[]string{"error linux.seccomp.defaultAction: one of", "error linux.seccomp.architectures[0]: SCMP_ARCH_X86_64", "error linux.seccomp.flags[0]: SECCOMP_FILTER_FLAG_LOG",
				"error linux.seccomp.syscalls[0].action: one of", "error linux.seccomp.syscalls[0].args[0].index: 0 to 5", "error linux.seccomp.syscalls[0].args[0].op: SCMP_CMP_EQ"}},
		{"names", in(ok + `"syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW"},{"names":["a",""],"action":"SCMP_ACT_ALLOW"}]`),
			[]string{"error linux.seccomp.syscalls[0].names: is required and must name at least one system call", "error linux.seccomp.syscalls[1].names[1]: is empty"}},
		{"errno", in(`"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1,"syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","errnoRet":0},
			{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":4096},{"names":["a"],"action":"SCMP_ACT_TRACE","errnoRet":65536}]`),
			[]string{"error linux.seccomp.defaultErrnoRet: only SCMP_ACT_ERRNO", "error linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_LOG",
				"warning linux.seccomp.syscalls[1].errnoRet: at most 4095", "error linux.seccomp.syscalls[2].errnoRet: at most 65535"}},
		{"notify", in(ok + `"listenerPath":"/run/s","listenerMetadata":"m\u0000","syscalls":[{"names":["mknod"],"action":"SCMP_ACT_NOTIFY"}]`), nil},
		{"notify wrong", in(`"defaultAction":"SCMP_ACT_NOTIFY","listenerMetadata":"m","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]`),
			[]string{"error linux.seccomp.defaultAction: cannot be used as default", "error linux.seccomp.listenerMetadata: without listenerPath",
				"error linux.seccomp.syscalls[0].names: cannot be used for the write", "warning linux.seccomp.syscalls[0].action: listenerPath"}},
		{"relative listener", in(ok + `"listenerPath":"s"`), []string{"warning linux.seccomp.listenerPath: absolute"}},
	})
}

// TestIgnored checks that Ignored is set only for settings that have no effect. Create logs those.
func TestIgnored(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, ignored string }{
		{"an empty profile", `{"linux":{"seccomp":{}}}`, "linux.seccomp"},
		{"kernel memory", `{"linux":{"resources":{"memory":{"kernel":4096,"kernelTCP":0}}}}`, "linux.resources.memory.kernel"},
		{"another case", `{"HostName":"x"}`, "HostName"},
		{"a property of nobody's", `{"nosuch":"x"}`, ""},
		{"a value that should be another", `{"linux":{"resources":{"cpu":{"shares":1}}}}`, ""},
	} {
		s, ps := Parse([]byte(tt.text))
		ignored := ""
		for _, p := range append(ps, Check(s, Linux)...) {
			if p.Ignored {
				ignored += p.Path
			}
		}
		if ignored != tt.ignored {
			t.Errorf("%s: ignored is %q, want %q", tt.name, ignored, tt.ignored)
		}
	}
}
