//go:build linux && integration

package conformance

import (
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func sorted(list []trial) []trial {
	slices.SortFunc(list, func(a, b trial) int { return strings.Compare(a.name, b.name) })
	return list
}

func namespaceTrials() (list []trial) {
	of := map[specs.LinuxNamespaceType]string{"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup"}
	for kind, file := range of {
		list = append(list, trial{"linux.namespaces without " + string(kind), func(c *config) { c.without(kind) }})
		if kind == "mount" {
			list = append(list, trial{"linux.namespaces without mount, nothing hidden", func(c *config) {
				c.without(kind)
				c.Linux.MaskedPaths, c.Linux.ReadonlyPaths = nil, nil
			}})
			continue // a container changes the mount namespace it joins; the program linux_ns_path tests this
		}
		list = append(list,
			trial{"linux.namespaces by path, " + string(kind), func(c *config) { c.join(kind, fmt.Sprintf("/proc/%d/ns/%s", namespaces, file)) }},
			trial{"linux.namespaces by path of the host, " + string(kind), func(c *config) { c.join(kind, "/proc/1/ns/"+file) }},
			trial{"linux.namespaces by path of another type, " + string(kind), func(c *config) { c.join(kind, "/proc/1/ns/user") }},
			trial{"linux.namespaces by path not there, " + string(kind), func(c *config) { c.join(kind, "/nosuch") }},
			trial{"linux.namespaces twice, " + string(kind), func(c *config) {
				c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
			}},
		)
	}
	return append(sorted(list),
		trial{"linux.namespaces none such", func(c *config) {
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: "none"})
		}},
		trial{"linux.namespaces by relative path", func(c *config) { c.join("network", "ns/net") }},
		trial{"linux.namespaces user", func(c *config) { c.userNamespace(100000) }},
		trial{"linux.namespaces user, mapped to itself", func(c *config) { c.userNamespace(0) }},
		trial{"linux.namespaces user without mappings", func(c *config) {
			c.userNamespace(100000)
			c.Linux.UIDMappings, c.Linux.GIDMappings = nil, nil
		}},
		trial{"linux.uidMappings, several", func(c *config) {
			c.userNamespace(100000)
			c.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}, {ContainerID: 1000, HostID: 5, Size: 1}, {ContainerID: 1001, HostID: 101001, Size: 500}}
		}},
		trial{"linux.uidMappings overlapping", func(c *config) {
			c.userNamespace(100000)
			c.Linux.UIDMappings = append(c.Linux.UIDMappings, c.Linux.UIDMappings[0])
		}},
		trial{"linux.uidMappings without a user namespace", func(c *config) {
			c.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 10}}
		}},
		trial{"linux.namespaces user, without network", func(c *config) { c.userNamespace(100000); c.without("network") }},
		trial{"linux.namespaces user, without pid", func(c *config) { c.userNamespace(100000); c.without("pid") }},
		trial{"linux.namespaces time", func(c *config) {
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
		}},
		trial{"linux.timeOffsets", func(c *config) {
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
			c.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 86400, Nanosecs: 7}, "monotonic": {Secs: 3600}}
		}},
		trial{"linux.timeOffsets of no such clock", func(c *config) {
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
			c.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"realtime": {Secs: 1}}
		}},
		trial{"linux.timeOffsets without a time namespace", func(c *config) {
			c.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 86400}}
		}},
	)
}

// join makes the container join the namespace at a path.
func (c *config) join(kind specs.LinuxNamespaceType, path string) {
	i := slices.IndexFunc(c.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
	c.Linux.Namespaces[i].Path = path
	if kind == "uts" {
		c.Hostname = ""
	}
}

func linuxTrials() (list []trial) {
	for _, p := range []string{"private", "slave", "shared", "unbindable", "rprivate", "rslave", "rshared", "runbindable", "nonsense"} {
		list = append(list, trial{"linux.rootfsPropagation " + p, func(c *config) { c.Linux.RootfsPropagation = p }})
	}
	for key, value := range map[string]string{
		"kernel.shm_rmid_forced": "1", "kernel.msgmax": "4096", "kernel.sem": "250 32000 100 128", "fs.mqueue.msg_max": "20", "net.ipv4.ip_forward": "1",
		"net.ipv4.ping_group_range": "0 10", "net/ipv4/ip_unprivileged_port_start": "80", "net.core.somaxconn": "99", "kernel.hostname": "other",
		"kernel.domainname": "example", "kernel.panic": "7", "vm.swappiness": "3", "net.nosuch": "1", "kernel.shmmax": "nonsense", "fs.file-max": "9", "user.max_user_namespaces": "5",
	} {
		list = append(list, trial{"linux.sysctl " + key, func(c *config) { c.Linux.Sysctl = map[string]string{key: value} }})
	}
	for key, kind := range map[string]specs.LinuxNamespaceType{"kernel.msgmax": "ipc", "net.core.somaxconn": "network", "kernel.domainname": "uts"} {
		list = append(list, trial{"linux.sysctl " + key + " without its namespace", func(c *config) {
			c.without(kind)
			c.Linux.Sysctl = map[string]string{key: "77"}
		}})
	}
	for _, p := range []specs.LinuxPersonality{{Domain: "LINUX32"}, {Domain: "LINUX"}, {Domain: "NONE"}, {Domain: "LINUX", Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}}} {
		list = append(list, trial{fmt.Sprintf("linux.personality %s %v", p.Domain, p.Flags), func(c *config) { c.Linux.Personality = &p }})
	}
	list = append(sorted(list),
		trial{"hostname", func(c *config) { c.Hostname = "other.example" }},
		trial{"hostname absent", func(c *config) { c.Hostname = "" }},
		trial{"hostname without uts", func(c *config) { c.without("uts"); c.Hostname = "other" }},
		trial{"hostname too long", func(c *config) { c.Hostname = strings.Repeat("x", 65) }},
		trial{"domainname", func(c *config) { c.Domainname = "example" }},
		trial{"domainname without uts", func(c *config) { c.without("uts"); c.Domainname = "example" }},
		trial{"root.readonly", func(c *config) { c.Root.Readonly = true }},
		trial{"root.readonly, cwd made", func(c *config) { c.Root.Readonly = true; c.Process.Cwd = "/made" }},
		trial{"root.path absolute", func(c *config) { c.Root.Path = c.dir + "/rootfs" }},
		trial{"root.path a link", func(c *config) {
			c.must(os.Symlink("rootfs", c.dir+"/link"))
			c.Root.Path = "link"
		}},
		trial{"root.path a file", func(c *config) { c.Root.Path = "config.json" }},
		trial{"root.path not there", func(c *config) { c.Root.Path = "nosuch" }},
		trial{"annotations", func(c *config) { c.Annotations = map[string]string{"org.example.key": "value"} }},
		trial{"linux.cgroupsPath absent", func(c *config) { c.Linux.CgroupsPath = "" }},
		trial{"linux.cgroupsPath relative", func(c *config) { c.Linux.CgroupsPath = strings.TrimPrefix(c.Linux.CgroupsPath, "/") }},
		trial{"linux.cgroupsPath upwards", func(c *config) { c.Linux.CgroupsPath = "/../../.." + c.Linux.CgroupsPath }},
		trial{"linux.mountLabel without SELinux", func(c *config) { c.Linux.MountLabel = "system_u:object_r:container_file_t:s0" }},
		trial{"linux.intelRdt without resctrl", func(c *config) { c.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x"} }},
		trial{"linux.netDevices not there", func(c *config) { c.Linux.NetDevices = map[string]specs.LinuxNetDevice{"nosuch0": {}} }},
		trial{"linux.memoryPolicy", func(c *config) {
			c.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0"}
		}},
		trial{"linux.memoryPolicy with flags", func(c *config) {
			c.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_PREFERRED", Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"MPOL_F_STATIC_NODES"}}
		}},
		trial{"linux.intelRdt, all of it, without resctrl", func(c *config) {
			c.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x", Schemata: []string{"L3:0=f"}, L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=50", EnableMonitoring: true}
		}},
		trial{"linux.netDevices with a name, not there", func(c *config) {
			c.Linux.NetDevices = map[string]specs.LinuxNetDevice{"nosuch0": {Name: "eth7"}}
		}},
		trial{"linux.memoryPolicy of no such mode", func(c *config) { c.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_NONE"} }},
	)
	return list
}

func pathTrials() (list []trial) {
	for name, paths := range map[string][]string{
		"none": nil, "a file": {"/etc/passwd"}, "a directory": {"/etc"}, "both": {"/etc/deep", "/etc/passwd"}, "twice": {"/etc/passwd", "/etc/passwd"},
		"not there": {"/not/there"}, "a link to a file": {"/link"}, "a link to a directory": {"/dirlink"}, "relative": {"etc/passwd"}, "a device": {"/dev/null"},
		"with dots": {"/tmp/../etc/passwd"}, "the root": {"/"}, "in a read-only one": {"/proc/sys/kernel"},
	} {
		list = append(list,
			trial{"linux.maskedPaths " + name, func(c *config) {
				c.linkInRoot("etc/passwd", "link")
				c.linkInRoot("etc/deep", "dirlink")
				c.Linux.MaskedPaths = paths
				c.look("/etc/passwd", "/etc/deep", "/etc", "/proc/kcore", "/proc/sys/kernel", "/dev/null")
			}},
			trial{"linux.readonlyPaths " + name, func(c *config) {
				c.linkInRoot("etc/passwd", "link")
				c.linkInRoot("etc/deep", "dirlink")
				c.Linux.ReadonlyPaths = paths
				c.look("/etc/passwd", "/etc/deep", "/etc", "/proc/sys/kernel/msgmax", "/proc/sys/kernel", "/dev/null")
			}})
	}
	return sorted(list)
}
