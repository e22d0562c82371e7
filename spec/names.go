package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// names checks hostname and domainname. Both need a UTS namespace of the container's own. This is a
// rule of runc and crun; by the specification the host would be renamed.
func (c *checker) names() {
	limit := 64 // __NEW_UTS_LEN of Linux
	if c.platform == FreeBSD {
		limit = 255 // MAXHOSTNAMELEN - 1
	}
	for _, n := range [...][2]string{{"hostname", c.s.Hostname}, {"domainname", c.s.Domainname}} {
		what, name := n[0], n[1]
		if name == "" {
			continue
		}
		if len(name) > limit {
			c.errorf(what, "must be at most %d bytes long, not %d", limit, len(name))
		}
		c.printable(what, name)
		if c.platform != Linux {
			continue
		}
		if _, kind := Namespace(c.s, specs.UTSNamespace); kind == Host {
			c.errorf(what, "unable to set %s without a private UTS namespace: linux.namespaces must have uts", what)
		}
	}
}
