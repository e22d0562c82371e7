package spec

import (
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// resources checks config-linux.md#control-groups. Zero means unset in many of the values, because
// engines send it.
func (c *checker) resources(r *specs.LinuxResources) {
	if r == nil {
		return
	}
	const path = "linux.resources"
	c.deviceRules(r.Devices)
	c.memory(r.Memory)
	c.cpu(r.CPU)
	if p := r.Pids; p != nil && p.Limit != nil && *p.Limit < -1 {
		c.warnf(path+".pids.limit", "should be -1 for no limit, not %d", *p.Limit)
	}
	c.blockIO(r.BlockIO)
	c.hugepages(r.HugepageLimits)
	if r.Network != nil {
		for i, p := range r.Network.Priorities {
			c.interfaceName(at(path+".network.priorities", i)+".name", p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Rdma)) {
		p := path + ".rdma" + key(name)
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' }) {
			c.errorf(p, "must be the name of a device")
		}
		if d := r.Rdma[name]; d.HcaHandles == nil && d.HcaObjects == nil {
			c.errorf(p, "must have hcaHandles or hcaObjects")
		}
	}
	for _, file := range slices.Sorted(maps.Keys(r.Unified)) {
		p := path + ".unified" + key(file)
		if file == "" || file == "." || file == ".." || strings.Contains(file, "/") {
			c.errorf(p, "must be the name of a file in the cgroup, without slashes")
		}
		c.printable(p, file)
	}
}

// deviceRules checks config-linux.md#allowed-device-list. -1 stands for the asterisk, as engines
// write it.
func (c *checker) deviceRules(rules []specs.LinuxDeviceCgroup) {
	for i, d := range rules {
		path := at("linux.resources.devices", i)
		if d.Type != "" {
			oneOf(c, path+".type", d.Type, "a", "c", "b")
		}
		switch {
		case d.Access == "":
			c.warnf(path+".access", "is empty: the rule has no effect here, and runc refuses it")
		case !strings.ContainsAny(d.Access, "rwm"):
			c.errorf(path+".access", "must consist of r, w and m, not %s", quote(d.Access))
		case strings.Trim(d.Access, "rwm") != "":
			c.warnf(path+".access", "should consist of r, w and m, not %s: other letters are ignored", quote(d.Access))
		}
		for _, n := range []struct {
			name  string
			value *int64
			last  int64
		}{{"major", d.Major, maxMajor}, {"minor", d.Minor, maxMinor}} {
			if n.value != nil && (*n.value < -1 || *n.value > n.last) {
				c.errorf(path+"."+n.name, "must be from 0 to %d, or -1 for all, not %d", n.last, *n.value)
			}
		}
	}
}

// hugepages checks config-linux.md#huge-page-limits. The size becomes part of a file name.
func (c *checker) hugepages(limits []specs.LinuxHugepageLimit) {
	seen := map[string]bool{}
	for i, h := range limits {
		path := at("linux.resources.hugepageLimits", i) + ".pageSize"
		size := strings.TrimLeft(h.Pagesize, "0123456789")
		switch {
		case size == h.Pagesize || !slices.Contains([]string{"KB", "MB", "GB", "TB", "PB"}, size):
			c.errorf(path, "must be a number followed by KB, MB or GB, such as 2MB, not %s", quote(h.Pagesize))
		case seen[h.Pagesize]:
			c.warnf(path, "%s occurs twice: the last limit takes effect", h.Pagesize)
		}
		seen[h.Pagesize] = true
	}
}
