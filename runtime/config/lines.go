package config

import (
	"regexp"
	"strings"
)

// lineKey matches the keys of LXC's configuration that an administrator's line may set. They have
// an effect on a berth container, and berth does not need them itself. All other keys are berth's
// own, or concern LXC's init, which is not the container's program.
const lineKey = `^lxc\.(cgroup2\.[a-z0-9_.]+|net\.[0-9]+\.[a-z0-9_.]+|sysctl\.net\.[A-Za-z0-9_.-]+|hook\.(pre-start|start-host|stop|post-stop))$`

// checkLine requires one whole line of LXC's configuration (lxc.container.conf(5)).
func checkLine(key, line string, fail func(key, format string, args ...any)) {
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		fail(key, "%q contains a control character: give each line as a separate element", line)
		return
	}
	name, value, found := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch {
	case !found || value == "":
		fail(key, "must be KEY = VALUE, not %q", line)
	case !regexp.MustCompile(lineKey).MatchString(name):
		fail(key, "must set lxc.cgroup2.*, lxc.net.N.*, lxc.sysctl.net.*, or lxc.hook.pre-start, start-host, stop or post-stop, not %q: "+
			"berth sets the other keys itself, or they would apply only to LXC's init and not to the container's process", name)
	}
}
