//go:build linux

package conformance

// elsewhere names the tests that are about fields of which one container without
// a terminal, hooks or cgroup controllers tells nothing.
var elsewhere = []struct{ prefix, test string }{
	{"hooks.", "integration/lifecycle TestHooks"},
	{"process.terminal", "integration/operate TestTerminal"},
	{"process.consoleSize", "integration/operate TestTerminal"},
	{"process.execCPUAffinity", "integration/operate TestCPUAffinity"},
	{"process.apparmorProfile", "backends/process TestLabelsWithoutTheModule"},
	{"process.selinuxLabel", "backends/process TestLabelsWithoutTheModule"},
	{"linux.mountLabel", "backends/process TestLabelsWithoutTheModule"},
	{"linux.resources.memory.limit", "integration/engines TestLimits"},
	{"linux.resources.memory.reservation", "integration/engines TestLimits"},
	{"linux.resources.memory.swap", "integration/engines TestLimits"},
	{"linux.resources.cpu.shares", "integration/engines TestLimits"},
	{"linux.resources.pids.limit", "integration/engines TestLimits"},
	{"linux.resources.cpu.quota", "integration/engines TestLimits"},
	{"linux.resources.cpu.period", "integration/engines TestLimits"},
	{"linux.seccomp.listener", "backends/process TestListener"},
}
