package spec

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// rlimitNames lists the resources of getrlimit(2), without RLIMIT_, by platform.
var rlimitNames = map[string][]string{
	Linux: {"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS",
		"RTPRIO", "RTTIME", "SIGPENDING", "STACK"},
	FreeBSD: {"AS", "CORE", "CPU", "DATA", "FSIZE", "KQUEUES", "MEMLOCK", "NOFILE", "NPROC", "NPTS", "PIPEBUF", "RSS",
		"SBSIZE", "STACK", "SWAP", "UMTXP", "VMEM"},
}

// rlimits checks config.md#posix-process: an unknown or duplicate type must be an error.
// setrlimit(2) fails with EINVAL if the soft limit is above the hard limit.
func (c *checker) rlimits(list []specs.POSIXRlimit) {
	seen := map[string]bool{}
	for i, r := range list {
		path := at("process.rlimits", i)
		name, ok := strings.CutPrefix(r.Type, "RLIMIT_")
		switch {
		case !ok || !slices.Contains(rlimitNames[c.platform], name):
			c.errorf(path+".type", "must be a resource of getrlimit(2) on %s, such as RLIMIT_NOFILE, not %s", c.platform, quote(r.Type))
		case seen[name]:
			c.errorf(path+".type", "%s occurs twice", r.Type)
		}
		seen[name] = true
		if r.Soft > r.Hard {
			c.errorf(path, "soft must not be greater than hard: %d > %d", r.Soft, r.Hard)
		}
	}
}
