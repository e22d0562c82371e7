package spec

import "testing"

func TestProcessRules(t *testing.T) {
	runRules(t, Linux, []rule{
		{"none", `{"process":null}`, []string{"warning process: is required for start"}},
		{"no args", `{"process":{"args":[]}}`, []string{"error process.args: args must not be empty"}},
		{"empty command", `{"process":{"args":[""]}}`, []string{"warning process.args[0]: is empty"}},
		{"no cwd", `{"process":{"cwd":null}}`, []string{"error process.cwd: is required"}},
		{"relative cwd", `{"process":{"cwd":"tmp"}}`, []string{`error process.cwd: must be an absolute path, not "tmp"`}},
		{"env", `{"process":{"env":["A=","B","=c"]}}`, []string{`warning process.env[1]: should be NAME=VALUE: "B" has no =`, "warning process.env[2]: no name"}},
		{"commandLine", `{"process":{"commandLine":"x"}}`, []string{"warning process.commandLine: Windows"}},
		{"console size", `{"process":{"terminal":true,"consoleSize":{"height":65536,"width":1}}}`, []string{"error process.consoleSize: at most 65535"}},
		{"console size unused", `{"process":{"consoleSize":{"height":65536,"width":1}}}`, nil},
		{"uid -1", `{"process":{"user":{"uid":4294967295,"gid":4294967295,"additionalGids":[4294967295]}}}`,
			[]string{"error process.user.uid: must be less than 4294967295", "error process.user.gid: must be less than 4294967295", "error process.user.additionalGids[0]: must be less than 4294967295"}},
		{"no gid", `{"process":{"user":{"gid":null}}}`, []string{"warning process.user.gid: is required but missing"}},
		{"username", `{"process":{"user":{"username":"x"}}}`, []string{"warning process.user.username: ignored"}},
		{"umask 07777", `{"process":{"user":{"umask":4095}}}`, []string{"warning process.user.umask: 07777"}},
		{"umask 010000", `{"process":{"user":{"umask":4096}}}`, []string{"error process.user.umask: decimal"}},
		{"unknown capability", `{"process":{"capabilities":{"bounding":["CAP_CHOWN","CAP_X","chown"]}}}`,
			[]string{`warning process.capabilities.bounding[1]: "CAP_X"`, "warning process.capabilities.bounding[2]: not a known"}},
		{"capability relations", `{"process":{"capabilities":{"effective":["CAP_KILL"],"ambient":["CAP_KILL"]}}}`,
			[]string{"warning process.capabilities.effective[0]: CAP_KILL is not in process.capabilities.permitted", "warning process.capabilities.ambient[0]: not in both"}},
		{"rlimit", `{"process":{"rlimits":[{"type":"RLIMIT_CORE","soft":1,"hard":18446744073709551615}]}}`, nil},
		{"rlimit names", `{"process":{"rlimits":[{"type":"RLIMIT_X","soft":1,"hard":1},{"type":"NOFILE","soft":1,"hard":1},{"type":"","soft":1,"hard":1}]}}`,
			[]string{"error process.rlimits[0].type: getrlimit", "error process.rlimits[1].type: getrlimit", "error process.rlimits[2].type: getrlimit"}},
		{"rlimit twice", `{"process":{"rlimits":[{"type":"RLIMIT_AS","soft":1,"hard":1},{"type":"RLIMIT_AS","soft":1,"hard":1}]}}`,
			[]string{"error process.rlimits[1].type: occurs twice"}},
		{"rlimit soft", `{"process":{"rlimits":[{"type":"RLIMIT_AS","soft":2,"hard":1}]}}`, []string{"error process.rlimits[0]: soft must not be greater than hard: 2 > 1"}},
		{"rlimit without hard", `{"process":{"rlimits":[{"type":"RLIMIT_AS","soft":0}]}}`, []string{"warning process.rlimits[0].hard: is required"}},
		{"oomScoreAdj", `{"process":{"oomScoreAdj":-1001}}`, []string{"error process.oomScoreAdj: -1000 to 1000"}},
		{"AppArmor profile", `{"process":{"apparmorProfile":"a\nb"}}`, []string{"error process.apparmorProfile: control"}},
		{"scheduler policy", `{"process":{"scheduler":{"policy":"SCHED_X","flags":["Y"]}}}`,
			[]string{"error process.scheduler.policy: one of SCHED_OTHER", "error process.scheduler.flags[0]: SCHED_FLAG_RECLAIM"}},
		{"scheduler ISO", `{"process":{"scheduler":{"policy":"SCHED_ISO"}}}`, []string{"warning process.scheduler.policy: kernel"}},
		{"nice", `{"process":{"scheduler":{"policy":"SCHED_BATCH","nice":20}}}`, []string{"error process.scheduler.nice: -20 to 19"}},
		{"priority not for OTHER", `{"process":{"scheduler":{"policy":"SCHED_OTHER","priority":1}}}`, []string{"error process.scheduler.priority: must be 0 unless policy is SCHED_FIFO or SCHED_RR"}},
		{"priority of FIFO", `{"process":{"scheduler":{"policy":"SCHED_FIFO","priority":100}}}`, []string{"error process.scheduler.priority: 1 to 99"}},
		{"runtime not for RR", `{"process":{"scheduler":{"policy":"SCHED_RR","priority":1,"runtime":5}}}`, []string{"error process.scheduler: runtime, deadline and period may be set only with policy"}},
		{"deadline", `{"process":{"scheduler":{"policy":"SCHED_DEADLINE","runtime":1024,"deadline":2048}}}`, nil},
		{"deadline order", `{"process":{"scheduler":{"policy":"SCHED_DEADLINE","runtime":4096,"deadline":2048}}}`, []string{"error process.scheduler: runtime <= deadline"}},
		{"ioPriority", `{"process":{"ioPriority":{"class":"","priority":8}}}`,
			[]string{"error process.ioPriority.class: is required and must be one of IOPRIO_CLASS_RT", "error process.ioPriority.priority: 0 to 7"}},
		{"CPU affinity", `{"process":{"execCPUAffinity":{"initial":"0-3,7","final":"3-1"}}}`, []string{"error process.execCPUAffinity.final: ranges"}},
	})
}

func TestFreeBSDRules(t *testing.T) {
	with := func(s string) string { return `{"linux":null,` + s + `}` }
	runRules(t, FreeBSD, []rule{
		{"linux object", `{}`, []string{"warning linux: is ignored on freebsd"}},
		{"rlimit of FreeBSD", with(`"process":{"rlimits":[{"type":"RLIMIT_SBSIZE","soft":1,"hard":1}]}`), nil},
		{"rlimit of Linux", with(`"process":{"rlimits":[{"type":"RLIMIT_RTPRIO","soft":1,"hard":1}]}`), []string{"error process.rlimits[0].type: on freebsd"}},
		{"long hostname", with(`"hostname":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`), nil},
		{"relative destination", with(`"mounts":[{"destination":"tmp","type":"tmpfs"}]`), []string{"error mounts[0].destination: absolute"}},
		{"no type", with(`"mounts":[{"destination":"/tmp","source":"/x"}]`), []string{"error mounts[0].type: nullfs"}},
		{"devices", with(`"freebsd":{"devices":[{"path":"pf","mode":448},{"path":"/dev/pf"},{"path":"../x"},{"path":""},{"path":"a","mode":70000}]}`),
			[]string{"error freebsd.devices[1].path: relative to /dev", "error freebsd.devices[2].path: without .", "error freebsd.devices[3].path: is required",
				"error freebsd.devices[4].mode: decimal"}},
		{"sharing", with(`"freebsd":{"jail":{"host":"disable","ip4":"disable","ip6":"none","vnet":"disable","sysvmsg":"x","sysvsem":"new","sysvshm":"inherit"}}`),
			[]string{"error freebsd.jail.host: new, inherit", "error freebsd.jail.ip6: new, inherit, disable", "error freebsd.jail.vnet: new, inherit",
				"error freebsd.jail.sysvmsg: disable"}},
		{"addresses", with(`"freebsd":{"jail":{"ip4Addr":["10.0.0.1","::1","x"],"ip6Addr":["fd10::1","fe80::1%em0"]}}`),
			[]string{"error freebsd.jail.ip4Addr[1]: numeric IPv4", "error freebsd.jail.ip4Addr[2]: numeric IPv4", "error freebsd.jail.ip6Addr[1]: numeric IPv6"}},
		{"interfaces", with(`"freebsd":{"jail":{"interface":"a b","vnetInterfaces":["epair0b"]}}`),
			[]string{"error freebsd.jail.interface: network device", "error freebsd.jail.vnetInterfaces: needs a vnet of the container's own: freebsd.jail.vnet must"}},
		{"vnet and ip4", with(`"freebsd":{"jail":{"vnet":"new","ip4":"inherit"}}`), []string{`warning freebsd.jail.vnet: ip4 and ip6 should be omitted if vnet is "new"`}},
		{"enforceStatfs", with(`"freebsd":{"jail":{"enforceStatfs":3}}`), []string{"error freebsd.jail.enforceStatfs: 0, 1 or 2"}},
		{"allowed mounts", with(`"freebsd":{"jail":{"allow":{"mount":["tmpfs","a b"]}}}`), []string{"error freebsd.jail.allow.mount[1]: file system"}},
		{"parent", with(`"freebsd":{"jail":{"parent":"a\nb"}}`), []string{"error freebsd.jail.parent: control"}},
	})
}
