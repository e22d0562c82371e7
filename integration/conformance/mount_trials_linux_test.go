//go:build linux && integration

package conformance

import (
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mountTrials returns trials of file systems with their options.
func mountTrials() (list []trial) {
	for options := range strings.SplitSeq("ro rw suid nosuid dev nodev exec noexec sync async dirsync atime noatime diratime nodiratime relatime "+
		"norelatime strictatime nostrictatime iversion noiversion silent loud mand nomand defaults lazytime nolazytime symfollow nosymfollow "+
		"private rprivate slave rslave shared rshared unbindable runbindable size=1m mode=0700 mode=1777 uid=7,gid=8 nr_inodes=100 "+
		"size=1m,mode=700,nosuid,ro,noexec tmpcopyup tmpcopyup,ro,size=1m ro,rw nosuid,suid remount acl user users nofail auto x-initrd.mount "+
		"X-mount.mkdir _netdev comment=x nonsense size=huge mode=999 rro rnosuid ratime context=x", " ") {
		list = append(list, trial{"mounts tmpfs " + options, func(c *config) {
			c.inRoot("data/file")
			c.mount("/data", "tmpfs", "tmpfs", strings.Split(options, ",")...)
		}})
	}
	for _, m := range []specs.Mount{
		{Type: "proc", Source: "proc", Destination: "/data", Options: []string{"nosuid", "noexec", "nodev"}},
		{Type: "proc", Source: "proc", Destination: "/data", Options: []string{"hidepid=2"}},
		{Type: "sysfs", Source: "sysfs", Destination: "/data", Options: []string{"ro", "nosuid"}},
		{Type: "ramfs", Source: "ramfs", Destination: "/data", Options: []string{"mode=0711"}},
		{Type: "mqueue", Source: "mqueue", Destination: "/data"},
		{Type: "devpts", Source: "devpts", Destination: "/data", Options: []string{"newinstance", "ptmxmode=0600", "mode=0600"}},
		{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"rw"}},
		{Type: "cgroup2", Source: "cgroup2", Destination: "/sys/fs/cgroup", Options: []string{"ro"}},
		{Type: "nosuchfs", Source: "x", Destination: "/data"},
		{Type: "", Source: "", Destination: "/data"},
		{Type: "tmpfs", Source: "", Destination: "/data"},
		{Type: "tmpfs", Source: "tmpfs", Destination: "data/relative"},
		{Type: "tmpfs", Source: "tmpfs", Destination: "/etc/../data/./deep"},
		{Type: "tmpfs", Source: "tmpfs", Destination: "/../../../data"},
		{Type: "tmpfs", Source: "tmpfs", Destination: "/"},
		{Type: "tmpfs", Source: "tmpfs", Destination: ""},
	} {
		list = append(list, trial{"mounts " + m.Type + " on " + m.Destination + " " + strings.Join(m.Options, ","), func(c *config) {
			c.mount(m.Destination, m.Type, m.Source, m.Options...)
		}})
	}
	return append(list,
		trial{"mounts overlay", func(c *config) {
			c.file("lower/file")
			c.must(os.MkdirAll(filepath.Join(c.host, "upper"), 0o755))
			c.must(os.MkdirAll(filepath.Join(c.host, "work"), 0o755))
			c.mount("/data", "overlay", "overlay", "lowerdir="+c.host+"/lower", "upperdir="+c.host+"/upper", "workdir="+c.host+"/work")
		}},
		trial{"mounts twice on one place", func(c *config) {
			c.mount("/data", "tmpfs", "first", "size=1m")
			c.mount("/data", "tmpfs", "second", "size=2m")
		}},
		trial{"mounts below another", func(c *config) {
			c.mount("/data", "tmpfs", "outer", "size=1m")
			c.mount("/data/a/b", "tmpfs", "inner", "size=2m", "ro")
		}},
		trial{"mounts hidden by a later one", func(c *config) {
			c.mount("/data/a", "tmpfs", "inner", "size=2m")
			c.mount("/data", "tmpfs", "outer", "size=1m")
		}},
		trial{"mounts none but proc", func(c *config) { c.Mounts = c.Mounts[:1] }},
		trial{"mounts none", func(c *config) { c.Mounts = nil; c.Linux.MaskedPaths, c.Linux.ReadonlyPaths = nil, nil }},
		trial{"mounts without /dev", func(c *config) { c.Mounts = append(c.Mounts[:1], c.Mounts[5]) }},
		trial{"mounts many", func(c *config) {
			for _, a := range "abcdefghij" {
				for _, b := range "abcdef" {
					c.Mounts = append(c.Mounts, specs.Mount{Destination: "/many/" + string(a) + "/" + string(b), Type: "bind", Source: c.file("many"), Options: []string{"bind", "ro"}})
				}
			}
		}},
	)
}

// bindTrials returns trials of bind mounts with their options, recursive and not. Their source is a
// directory with another mount in it.
func bindTrials() (list []trial) {
	for options := range strings.SplitSeq("bind rbind bind,ro rbind,ro bind,rro rbind,rro rbind,rrw rbind,rnosuid rbind,rsuid rbind,rnodev rbind,rdev "+
		"rbind,rnoexec rbind,rexec rbind,rnoatime rbind,ratime rbind,rnodiratime rbind,rdiratime rbind,rrelatime rbind,rnorelatime rbind,rstrictatime "+
		"rbind,rnostrictatime rbind,rnosymfollow rbind,rsymfollow rbind,ro,nosuid,nodev,noexec bind,noatime bind,relatime bind,strictatime bind,nosuid,ro "+
		"rbind,private rbind,rprivate rbind,slave rbind,rslave rbind,shared rbind,rshared rbind,unbindable rbind,runbindable bind,rprivate,ro "+
		"bind,idmap rbind,ridmap ro rw bind,mode=0700 bind,nonsense bind,remount,ro bind,nosymfollow bind,nodiratime bind,sync", " ") {
		list = append(list, trial{"mounts bind " + options, func(c *config) {
			c.mount("/data", "bind", shared(), strings.Split(options, ",")...)
			c.look("/data/inner", "/data/file")
		}})
	}
	m := func(name string, mount specs.Mount, edit func(c *config)) trial {
		return trial{"mounts bind " + name, func(c *config) {
			mount := mount
			mount.Source = c.file("source")
			if mount.Options == nil {
				mount.Options = []string{"bind"}
			}
			if mount.Type == "" {
				mount.Type = "bind"
			}
			if edit != nil {
				edit(c)
			}
			c.Mounts = append(c.Mounts, mount)
			c.look(mount.Destination)
		}}
	}
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5000, Size: 1000}}
	return append(list,
		m("of a file", specs.Mount{Destination: "/etc/passwd"}, nil),
		m("of a file, target made", specs.Mount{Destination: "/new/deep/file", Options: []string{"rbind", "ro"}}, nil),
		m("of a file on a directory", specs.Mount{Destination: "/etc"}, nil),
		m("of a device", specs.Mount{Destination: "/data/null"}, func(c *config) {
			c.Mounts = append(c.Mounts, specs.Mount{Destination: "/data/zero", Type: "bind", Source: "/dev/zero", Options: []string{"bind"}})
		}),
		m("type none", specs.Mount{Destination: "/data/x", Type: "none"}, nil),
		m("type and no option", specs.Mount{Destination: "/data/x", Options: []string{"ro"}}, nil),
		m("option and other type", specs.Mount{Destination: "/data/x", Type: "tmpfs"}, nil),
		m("with mappings", specs.Mount{Destination: "/data/x", UIDMappings: ids, GIDMappings: ids, Options: []string{"bind", "idmap"}}, nil),
		m("with mappings and no option", specs.Mount{Destination: "/data/x", UIDMappings: ids, GIDMappings: ids}, nil),
		m("with mappings in a user namespace", specs.Mount{Destination: "/data/x", UIDMappings: ids, GIDMappings: ids, Options: []string{"bind", "idmap"}}, func(c *config) { c.userNamespace(100000) }),
		m("in a user namespace", specs.Mount{Destination: "/data/x", Options: []string{"bind", "ro"}}, func(c *config) { c.userNamespace(100000) }),
		trial{"mounts bind, source not there", func(c *config) { c.mount("/data", "bind", "/nosuch/at/all", "bind") }},
		trial{"mounts bind, relative source", func(c *config) {
			c.must(os.MkdirAll(filepath.Join(c.dir, "beside"), 0o755))
			c.mount("/data", "bind", "beside", "bind")
		}},
		trial{"mounts bind, source a symbolic link", func(c *config) {
			c.file("source/file")
			c.must(os.Symlink("source", c.host+"/link"))
			c.mount("/data", "bind", c.host+"/link", "bind")
		}},
	)
}

// targetTrials returns trials of mount targets that lead elsewhere.
func targetTrials() (list []trial) {
	for name, edit := range map[string]func(c *config){
		"a link inside":            func(c *config) { c.inRoot("real/x"); c.linkInRoot("/real", "data") },
		"a relative link":          func(c *config) { c.inRoot("real/x"); c.linkInRoot("real", "data") },
		"a link upwards":           func(c *config) { c.inRoot("real/x"); c.linkInRoot("../../../../real", "data") },
		"a dangling link":          func(c *config) { c.linkInRoot("/not/there", "data") },
		"a loop":                   func(c *config) { c.linkInRoot("data", "data") },
		"a file":                   func(c *config) { c.inRoot("data") },
		"a directory":              func(c *config) { c.inRoot("data/x") },
		"a link to a file of host": func(c *config) { c.linkInRoot("/etc/hostname", "data") },
	} {
		for _, kind := range []string{"tmpfs", "bind", "bind of a file"} {
			list = append(list, trial{"mounts " + kind + " on " + name, func(c *config) {
				edit(c)
				switch kind {
				case "tmpfs":
					c.mount("/data", "tmpfs", "tmpfs", "size=1m")
				case "bind":
					c.file("source/file")
					c.mount("/data", "bind", c.host+"/source", "bind", "ro")
				default:
					c.mount("/data", "bind", c.file("source"), "bind", "ro")
				}
			}})
		}
	}
	return sorted(list)
}
