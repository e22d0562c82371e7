package spec

import (
	"strings"
	"sync"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// knownCapabilities returns the names of the capabilities in capabilities(7), such as CAP_CHOWN.
var knownCapabilities = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for _, c := range capability.ListKnown() {
		known["CAP_"+strings.ToUpper(c.String())] = true
	}
	return known
})

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, min(len(names), 64))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// capabilities checks process.capabilities by config.md#linux-process: a capability that cannot be
// granted is a Warning. It also checks the relations between the sets in capabilities(7), without
// which the kernel refuses a set.
func (c *checker) capabilities(caps *specs.LinuxCapabilities) {
	if caps == nil {
		return
	}
	permitted, inheritable := setOf(caps.Permitted), setOf(caps.Inheritable)
	for _, set := range []struct {
		name string
		caps []string
	}{
		{"bounding", caps.Bounding}, {"effective", caps.Effective}, {"inheritable", caps.Inheritable},
		{"permitted", caps.Permitted}, {"ambient", caps.Ambient},
	} {
		for i, name := range set.caps {
			path := func() string { return at("process.capabilities."+set.name, i) }
			switch {
			case !knownCapabilities()[name]:
				c.warnf(path(), "%s is not a known capability and is ignored", quote(name))
			case set.name == "effective" && !permitted[name]:
				c.warnf(path(), "%s is not in process.capabilities.permitted", name)
			case set.name == "ambient" && !(permitted[name] && inheritable[name]):
				c.warnf(path(), "%s is not in both process.capabilities.permitted and process.capabilities.inheritable", name)
			}
		}
	}
}
