package spec

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// IsBind reports whether m is a bind mount. Only the options bind and rbind decide that, not the
// type (config.md#mounts).
func IsBind(m specs.Mount) bool {
	return slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// IsIDMapped reports whether m is an id-mapped mount: it has mappings, or one of the options idmap
// and ridmap.
func IsIDMapped(m specs.Mount) bool {
	return len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 ||
		slices.Contains(m.Options, "idmap") || slices.Contains(m.Options, "ridmap")
}

// mounts checks config.md#mounts.
func (c *checker) mounts() {
	for i, m := range c.s.Mounts {
		path := at("mounts", i)
		switch {
		case m.Destination == "":
			c.errorf(path+".destination", "is required and must be a path in the container")
		case m.Destination[0] != '/' && c.platform == Linux:
			c.warnf(path+".destination", "mount destination %s is not absolute: it is taken as relative to /", quote(m.Destination))
		default:
			c.absolute(path+".destination", m.Destination)
		}
		for j, o := range m.Options {
			if o == "" {
				c.warnf(at(path+".options", j), "is empty and is ignored")
			}
		}
		if c.platform == Linux {
			c.linuxMount(path, m)
		} else if m.Type == "" {
			c.errorf(path+".type", "is required and must be a file system of %s, such as nullfs", c.platform)
		}
	}
}

// linuxMount checks the rules that apply only on Linux: bind mounts by option, and id mappings.
func (c *checker) linuxMount(path string, m specs.Mount) {
	bind, remount := IsBind(m), slices.Contains(m.Options, "remount")
	switch {
	case bind && !remount && m.Source == "":
		c.errorf(path+".source", "is required for a bind mount and must be a path, absolute or relative to the bundle")
	case !bind && !remount && m.Type == "":
		c.errorf(path+".type", "is required unless the options include bind or rbind")
	case !bind && m.Type == "bind":
		c.warnf(path+".type", "does not make a bind mount: only the options bind and rbind do")
	}
	if bind {
		for j, o := range m.Options {
			if name, _, _ := strings.Cut(o, "="); o != "" && !genericOptions()[name] {
				c.warnf(at(path+".options", j), "bind mounts cannot have any filesystem-specific options applied: %s", quote(o))
			}
		}
	}
	c.mountMappings(path, m)
}

func (c *checker) mountMappings(path string, m specs.Mount) {
	if !IsIDMapped(m) {
		return
	}
	if m.Options == nil || !slices.Contains(m.Options, "idmap") && !slices.Contains(m.Options, "ridmap") {
		c.warnf(path+".options", "should include idmap or ridmap, because the mount has mappings")
	}
	switch u, g := len(m.UIDMappings), len(m.GIDMappings); {
	case u == 0 && g == 0:
		if _, kind := Namespace(c.s, specs.UserNamespace); kind == Host {
			c.errorf(path+".options", "idmap and ridmap need uidMappings and gidMappings, or a user namespace for the container")
		}
	case u == 0:
		c.errorf(path+".uidMappings", "is required if gidMappings is set")
	case g == 0:
		c.errorf(path+".gidMappings", "is required if uidMappings is set")
	}
	if !IsBind(m) {
		c.warnf(path, "id-mapped mounts are only guaranteed to work for bind mounts")
	}
	c.mappings(path+".uidMappings", m.UIDMappings)
	c.mappings(path+".gidMappings", m.GIDMappings)
}

// genericOptions returns the options in config.md#linux-mount-options, those that crun adds, and
// podman's options for filling a volume. Any other option goes to the file system.
var genericOptions = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, o := range strings.Fields(`async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand
		noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow
		private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime
		rnostrictatime rnosuid rnosymfollow rnodev ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid
		rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap
		copy-symlink src-nofollow dest-nofollow copy nocopy`) {
		set[o] = true
	}
	return set
})

// SourceInRoot returns the path inside the container of a bind mount's source that earlier mounts
// of the config decide: the source is below the root, and an earlier mount covers it or, if the
// bind is recursive, lies below it. Mounts are made in the listed order (config.md#mounts), so such
// a source exists only when its turn comes. SourceInRoot returns "" for every other source. root and
// source are absolute paths on the host, and earlier holds the mounts before this one.
func SourceInRoot(root, source string, recursive bool, earlier []specs.Mount) string {
	inside, ok := strings.CutPrefix(filepath.Clean(source), filepath.Clean(root)+"/")
	if !ok {
		return ""
	}
	inside = "/" + inside
	for i := range earlier {
		at := filepath.Clean("/" + earlier[i].Destination)
		if inside == at || strings.HasPrefix(inside, at+"/") || recursive && strings.HasPrefix(at, inside+"/") {
			return inside
		}
	}
	return ""
}
