//go:build linux

package conformance

// elsewhere names the tests of fields about which a single container without a terminal, hooks or
// cgroup controllers shows nothing.
var elsewhere = []struct{ prefix, test string }{
	{"hooks.", "integration/lifecycle TestHooks"},
	{"process.terminal", "integration/operate TestTerminal"},
	{"process.consoleSize", "integration/operate TestTerminal"},
	{"process.execCPUAffinity", "integration/operate TestCPUAffinity"},
	{"process.apparmorProfile", "integration/conformance TestAppArmorExec"},
	{"process.selinuxLabel", "backends/process TestLabelsWithoutTheModule"},
	{"linux.mountLabel", "backends/process TestLabelsWithoutTheModule"},
	{"linux.resources.memory.limit", "integration/engines TestLimits"},
	{"linux.resources.memory.reservation", "integration/engines TestLimits"},
	{"linux.resources.memory.swap", "integration/engines TestLimits"},
	{"linux.resources.cpu.shares", "integration/engines TestLimits"},
	{"linux.resources.pids.limit", "integration/engines TestLimits"},
	{"linux.resources.cpu.quota", "integration/engines TestLimits"},
	{"linux.resources.cpu.period", "integration/engines TestLimits"},
	{"linux.resources.cpu.burst", "integration/conformance TestControllers"},
	{"linux.resources.cpu.idle", "integration/conformance TestControllers"},
	{"linux.resources.blockIO.weightDevice", "backends/cgroup TestLacks"},
	{"linux.resources.blockIO.throttle", "integration/conformance TestControllers"},
	{"linux.seccomp.listener", "backends/process TestListener"},
}
