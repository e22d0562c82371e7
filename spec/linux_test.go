package spec

import "testing"

func TestLinuxRules(t *testing.T) {
	in := func(s string) string { return `{"linux":{` + s + `}}` }
	userns := func(uid, gid string) string {
		return in(`"namespaces":[{"type":"user"}],"uidMappings":` + uid + `,"gidMappings":` + gid)
	}
	root := `[{"containerID":0,"hostID":1000,"size":10}]`
	runRules(t, Linux, []rule{
		{"no linux object", `{"linux":null}`, nil},
		{"namespace types", in(`"namespaces":[{"type":"net"},{"type":""}]`),
			[]string{"error linux.namespaces[0].type: one of pid, network", "error linux.namespaces[1].type: is required"}},
		{"namespace twice", in(`"namespaces":[{"type":"pid"},{"type":"pid","path":"/x"}]`), []string{"error linux.namespaces[1].type: duplicated"}},
		{"namespace path", in(`"namespaces":[{"type":"pid","path":"proc/1/ns/pid"}]`), []string{"error linux.namespaces[0].path: absolute"}},
		{"mappings without user namespace", in(`"uidMappings":` + root), []string{"error linux.uidMappings: isn't enabled"}},
		{"user namespace", userns(root, root), nil},
		{"user namespace without mappings", in(`"namespaces":[{"type":"user"}]`),
			[]string{"error linux.uidMappings: no mappings", "error linux.gidMappings: no mappings"}},
		{"joined user namespace with mappings", in(`"namespaces":[{"type":"user","path":"/u"}],"uidMappings":` + root + `,"gidMappings":` + root),
			[]string{"warning linux.uidMappings: should not be set if linux.namespaces gives the user"}},
		{"user not mapped", `{"process":{"user":{"uid":10}},"linux":{"namespaces":[{"type":"user"}],"uidMappings":` + root + `,"gidMappings":` + root + `}}`,
			[]string{"warning process.user.uid: 10 is not mapped"}},
		{"root not mapped", userns(`[{"containerID":1,"hostID":1,"size":1}]`, root),
			[]string{"warning linux.uidMappings: does not map uid 0 of the container", "warning process.user.uid: not mapped"}},
		{"mapping of none", userns(`[{"containerID":0,"hostID":1,"size":0},{"containerID":0,"hostID":2,"size":1}]`, root),
			[]string{"error linux.uidMappings[0].size: at least 1"}},
		{"mapping beyond the end", userns(`[{"containerID":0,"hostID":1,"size":4294967295}]`, `[{"containerID":0,"hostID":0,"size":4294967295}]`),
			[]string{"error linux.uidMappings[0]: hostID + size"}},
		{"mapping container overlap", userns(`[{"containerID":5,"hostID":100,"size":2},{"containerID":0,"hostID":1,"size":6}]`, root),
			[]string{"error linux.uidMappings[0]: containerID range overlaps that of linux.uidMappings[1]"}},
		{"mapping host overlap", userns(root, `[{"containerID":0,"hostID":1,"size":6},{"containerID":9,"hostID":6,"size":2}]`),
			[]string{"error linux.gidMappings[1]: hostID range overlaps"}},
		{"time offsets", in(`"namespaces":[{"type":"time"}],"timeOffsets":{"monotonic":{"secs":-1},"boottime":{"nanosecs":5}}`), nil},
		{"time offsets without namespace", in(`"timeOffsets":{"monotonic":{"secs":1}}`), []string{"error linux.timeOffsets: isn't enabled"}},
		{"time offsets of a joined one", in(`"namespaces":[{"type":"time","path":"/t"}],"timeOffsets":{"monotonic":{"secs":1}}`), []string{"error linux.timeOffsets: cannot be set if linux.namespaces gives the time namespace"}},
		{"time clocks", in(`"namespaces":[{"type":"time"}],"timeOffsets":{"realtime":{"nanosecs":1000000000}}`),
			[]string{`error linux.timeOffsets["realtime"]: must be monotonic or boottime`, `error linux.timeOffsets["realtime"].nanosecs: must be less than 1000000000, not 1000000000`}},
		{"devices", in(`"devices":[{"path":"/dev/p","type":"p"},{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":8630}]`), nil},
		{"device fields", in(`"devices":[{"path":"dev/x","type":"x","major":-1,"minor":1048576},{"path":"","type":"c"}]`),
			[]string{"warning linux.devices[1].major: is required", "warning linux.devices[1].minor: is required", "error linux.devices[0].path: absolute",
				"error linux.devices[0].type: one of c, b, u, p", "error linux.devices[0].major: 0 to 4095", "error linux.devices[0].minor: 0 to 1048575",
				"error linux.devices[1].path: is required"}},
		{"device twice", in(`"devices":[{"path":"/a","type":"c","major":1,"minor":3},{"path":"/a","type":"c","major":1,"minor":3,"fileMode":69206454}]`),
			[]string{"warning linux.devices[1]: has the same type, major and minor as linux.devices[0]", "warning linux.devices[1].path: is also the path of linux.devices[0]", "warning linux.devices[1].fileMode: decimal"}},
		{"network devices", in(`"netDevices":{"eth0":{},"eth1":{"name":"net%d"},"eth2":{"name":"net%d"}}`), nil},
		{"network device names", in(`"netDevices":{"a/b":{},"eth0":{"name":"abcdefghijklmnop"},"eth1":{"name":"c"},"eth2":{"name":"c"}}`),
			[]string{`error linux.netDevices["a/b"]: name`, `error linux.netDevices["eth0"].name: 1 to 15`, `error linux.netDevices["eth2"].name: also the name`}},
		{"network devices of the host", in(`"namespaces":[],"netDevices":{"eth0":{}}`), []string{"error linux.netDevices: without a NET namespace"}},
		{"cgroupsPath", in(`"cgroupsPath":"/a/../../b"`), []string{"error linux.cgroupsPath: .."}},
		{"cgroupsPath of systemd", in(`"cgroupsPath":"user.slice:libpod:a..b"`), nil},
		{"cgroupsPath of two lines", in(`"cgroupsPath":"/a\nb"`), []string{"error linux.cgroupsPath: control"}},
		{"propagation", in(`"rootfsPropagation":"public"`), []string{"error linux.rootfsPropagation: one of shared"}},
		{"recursive propagation", in(`"rootfsPropagation":"rslave"`), []string{"warning linux.rootfsPropagation: should be slave"}},
		{"masked paths", in(`"maskedPaths":["/proc/kcore","proc/acpi"],"readonlyPaths":[""]`),
			[]string{"error linux.maskedPaths[1]: absolute", "error linux.readonlyPaths[0]: is required"}},
		{"masked paths of the host", in(`"namespaces":[],"maskedPaths":["/proc/kcore"]`), []string{"error linux.maskedPaths: private MNT namespace"}},
		{"personality", in(`"personality":{"domain":"BSD","flags":["x"]}`),
			[]string{"error linux.personality.domain: LINUX32", "warning linux.personality.flags: ignored"}},
		{"mount label", in(`"mountLabel":"a\nb"`), []string{"error linux.mountLabel: control"}},
		{"rdt", in(`"intelRdt":{"closID":"/","l3CacheSchema":"L3:0=f","memBwSchema":"MB:0=20","schemata":["L2:0=f"]}`), nil},
		{"rdt wrong", in(`"intelRdt":{"closID":"a/b","l3CacheSchema":"0=f\n","memBwSchema":"0=20","schemata":["a\nb"]}`),
			[]string{"error linux.intelRdt.closID: directory", `error linux.intelRdt.l3CacheSchema: must be a single line, not "0=f\n"`, "warning linux.intelRdt.l3CacheSchema: L3:",
				"error linux.intelRdt.memBwSchema: start with MB:", `error linux.intelRdt.schemata[0]: must be a single line, not "a\nb"`}},
		{"memory policy", in(`"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0-1","flags":["MPOL_F_STATIC_NODES"]}`), nil},
		{"memory policy needs nodes", in(`"memoryPolicy":{"mode":"MPOL_INTERLEAVE"}`), []string{"error linux.memoryPolicy.nodes: required with"}},
		{"memory policy without nodes", in(`"memoryPolicy":{"mode":"MPOL_LOCAL","nodes":"0"}`), []string{"error linux.memoryPolicy.nodes: must be empty"}},
		{"memory policy words", in(`"memoryPolicy":{"mode":"X","flags":["Y","MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"]}`),
			[]string{"error linux.memoryPolicy.mode: MPOL_BIND", "error linux.memoryPolicy.flags[0]: one of", "error linux.memoryPolicy.flags: MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES are mutually"}},
	})
}

func TestSysctlRules(t *testing.T) {
	in := func(s string) string { return `{"linux":{` + s + `}}` }
	runRules(t, Linux, []rule{
		{"allowed", in(`"sysctl":{"net.ipv4.ip_forward":"1","net/ipv4/conf/eth0.1/rp_filter":"0","fs.mqueue.msg_max":"9","kernel.shmmax":"1","kernel.domainname":"x"}`), nil},
		{"without namespaces", in(`"namespaces":[],"sysctl":{"net.ipv4.ip_forward":"1","fs.mqueue.msg_max":"9","kernel.sem":"1","kernel.domainname":"x","user.max_user_namespaces":"1"}`),
			[]string{`error linux.sysctl["fs.mqueue.msg_max"]: host's ipc`, `error linux.sysctl["kernel.domainname"]: uts`, `error linux.sysctl["kernel.sem"]: ipc`,
				`error linux.sysctl["net.ipv4.ip_forward"]: network`, `error linux.sysctl["user.max_user_namespaces"]: user`}},
		{"of the whole system", in(`"sysctl":{"kernel.core_pattern":"|/x","vm.swappiness":"1","net":"1","kernel.msg":"1"}`),
			[]string{`error linux.sysctl["kernel.core_pattern"]: separate`, `error linux.sysctl["kernel.msg"]: separate`, `error linux.sysctl["net"]: separate`,
				`error linux.sysctl["vm.swappiness"]: separate`}},
		{"hostname", in(`"sysctl":{"kernel.hostname":"x"}`), []string{`error linux.sysctl["kernel.hostname"]: conflicts`}},
		{"domainname twice", `{"domainname":"a","linux":{"sysctl":{"kernel.domainname":"b"}}}`, []string{`error linux.sysctl["kernel.domainname"]: conflicts`}},
		{"out of /proc/sys", in(`"sysctl":{"net/../kernel/core_pattern":"x","net.//.kernel.core_pattern":"x","net..x":"1","":"1","/net/x":"1"}`),
			[]string{`error linux.sysctl[""]: names separated`, `error linux.sysctl["/net/x"]: names`, `error linux.sysctl["net..x"]: names`,
				`error linux.sysctl["net.//.kernel.core_pattern"]: names`, `error linux.sysctl["net/../kernel/core_pattern"]: names`}},
		{"control characters", in(`"sysctl":{"net.a\nb":"1"}`), []string{`error linux.sysctl["net.a\nb"]: control`}},
	})
}
