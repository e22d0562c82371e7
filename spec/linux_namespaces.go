package spec

import (
	"cmp"
	"math"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// namespaces checks config-linux.md#namespaces: a duplicate type must be an error, and paths must
// be absolute.
func (c *checker) namespaces(l *specs.Linux) {
	seen := map[specs.LinuxNamespaceType]bool{}
	for i, ns := range l.Namespaces {
		path := at("linux.namespaces", i)
		if !oneOf(c, path+".type", ns.Type, specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
			specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace) {
			continue
		}
		if seen[ns.Type] {
			c.errorf(path+".type", "malformed spec file: duplicated ns %s", quote(string(ns.Type)))
		}
		seen[ns.Type] = true
		if ns.Path != "" {
			c.absolute(path+".path", ns.Path)
		}
	}
}

// userMappings checks config-linux.md#user-namespace-mappings. Mappings are redundant if the
// container joins an existing user namespace, but containerd and CRI-O send them.
func (c *checker) userMappings(l *specs.Linux) {
	const uid, gid = "linux.uidMappings", "linux.gidMappings"
	switch _, kind := Namespace(c.s, specs.UserNamespace); kind {
	case Host:
		if len(l.UIDMappings)+len(l.GIDMappings) > 0 {
			c.errorf(uid, "user namespace mappings specified, but user namespace isn't enabled in the config")
		}
	case Path:
		if len(l.UIDMappings)+len(l.GIDMappings) > 0 {
			c.warnf(uid, "should not be set if linux.namespaces gives the user namespace a path: that namespace has its own mappings")
		}
	case New:
		for _, m := range []struct {
			path, id string
			list     []specs.LinuxIDMapping
		}{{uid, "uid", l.UIDMappings}, {gid, "gid", l.GIDMappings}} {
			switch {
			case len(m.list) == 0:
				c.errorf(m.path, "user namespaces enabled, but no mappings specified: at least one is required")
			case !Mapped(m.list, 0):
				c.warnf(m.path, "does not map %s 0 of the container", m.id)
			}
		}
		if p := c.s.Process; p != nil && len(l.UIDMappings) > 0 && len(l.GIDMappings) > 0 {
			if !Mapped(l.UIDMappings, p.User.UID) {
				c.warnf("process.user.uid", "%d is not mapped by linux.uidMappings", p.User.UID)
			}
			if !Mapped(l.GIDMappings, p.User.GID) {
				c.warnf("process.user.gid", "%d is not mapped by linux.gidMappings", p.User.GID)
			}
		}
	}
	c.mappings(uid, l.UIDMappings)
	c.mappings(gid, l.GIDMappings)
}

// Mapped reports whether the mappings in list cover the container's id.
func Mapped(list []specs.LinuxIDMapping, id uint32) bool {
	return slices.ContainsFunc(list, func(m specs.LinuxIDMapping) bool {
		return id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size)
	})
}

// maxMappings is UID_GID_MAP_MAX_EXTENTS of Linux since 4.15.
const maxMappings = 340

// mappings checks a list as the kernel does when uid_map is written (user_namespaces(7)): every
// range has a size, ends below 4294967295, and overlaps no other on either side.
func (c *checker) mappings(path string, list []specs.LinuxIDMapping) {
	if len(list) > maxMappings {
		c.errorf(path, "must have at most %d entries, not %d", maxMappings, len(list))
		return
	}
	for i, m := range list {
		switch {
		case m.Size == 0:
			c.errorf(at(path, i)+".size", "must be at least 1")
		case uint64(m.ContainerID)+uint64(m.Size) > math.MaxUint32:
			c.errorf(at(path, i), "containerID + size must be at most %d", uint32(math.MaxUint32))
		case uint64(m.HostID)+uint64(m.Size) > math.MaxUint32:
			c.errorf(at(path, i), "hostID + size must be at most %d", uint32(math.MaxUint32))
		}
	}
	c.overlaps(path, "containerID", list, func(m specs.LinuxIDMapping) uint32 { return m.ContainerID })
	c.overlaps(path, "hostID", list, func(m specs.LinuxIDMapping) uint32 { return m.HostID })
}

func (c *checker) overlaps(path, side string, list []specs.LinuxIDMapping, start func(specs.LinuxIDMapping) uint32) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(start(list[a]), start(list[b])) })
	for n := 1; n < len(order); n++ {
		a, b := order[n-1], order[n]
		if uint64(start(list[a]))+uint64(list[a].Size) > uint64(start(list[b])) {
			c.errorf(at(path, b), "the %s range overlaps that of %s", side, at(path, a))
		}
	}
}
