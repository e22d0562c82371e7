package jail

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// ocijail's annotations, which podman and buildah write.
const (
	annotationParent = "org.freebsd.parentJail"
	annotationPrefix = "org.freebsd.jail."
)

// permissions lists the jail(8) permissions that the annotation org.freebsd.jail.allow.NAME can
// grant or revoke.
var permissions = []string{
	"adjtime", "chflags", "extattr", "mlock", "mount", "mount.devfs", "mount.fdescfs", "mount.fusefs", "mount.linprocfs",
	"mount.linsysfs", "mount.nullfs", "mount.procfs", "mount.tmpfs", "mount.zfs", "nfsd", "quotas", "raw_sockets",
	"read_msgbuf", "reserved_ports", "routing", "set_hostname", "setaudit", "settime", "socket_af", "suser", "sysvipc",
	"unprivileged_parent_tampering", "unprivileged_proc_debug", "vmm",
}

// annotations reads the annotations that engines write. A setting that freebsd.jail has too must
// have the same value there.
func (r *reader) annotations(list map[string]string) {
	keys := slices.Sorted(maps.Keys(list))
	// vnet comes first because it decides whether addresses count.
	slices.SortStableFunc(keys, func(a, b string) int { return first(b) - first(a) })
	for _, key := range keys {
		value, path := list[key], `annotations["`+key+`"]`
		if key == annotationParent {
			r.share(path, "name", &r.Parent, value)
			if !parentName(value) {
				r.refuse(path, "must be the name of a jail")
			}
			continue
		}
		name, ok := strings.CutPrefix(key, annotationPrefix)
		if !ok {
			continue
		}
		switch name {
		case "vnet":
			r.oneOf(path, value, shareNew, shareInherit)
			r.share(path, "vnet", &r.Vnet, value)
		case "sysvmsg", "sysvsem", "sysvshm":
			r.oneOf(path, value, shareNew, shareInherit, shareDisable)
			r.sysv(path, name, value)
		case "ip4.addr":
			r.addresses(path, "ip4.addr", &r.IP4, value, netip.Addr.Is4)
		case "ip6.addr", "ip6.add": // ocijail also reads the second one
			r.addresses(path, "ip6.addr", &r.IP6, value, netip.Addr.Is6)
		default:
			r.permission(path, name, value)
		}
	}
}

func first(key string) int {
	if key == annotationPrefix+"vnet" {
		return 1
	}
	return 0
}

func (r *reader) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.refuse(path, "must be one of "+strings.Join(allowed, ", "))
	}
}

// share sets a parameter that freebsd.jail may have set already.
func (r *reader) share(path, parameter string, to *string, value string) {
	if *to != "" && *to != value {
		r.refuse(path, "must equal the value in freebsd.jail, "+*to)
	}
	*to, r.From[parameter] = value, path
}

func (r *reader) sysv(path, name, value string) {
	if had, ok := r.SysV[name]; ok && had != value && had != shareNew {
		// The value "new" may just be the default.
		r.refuse(path, "must equal the value in freebsd.jail, "+had)
	}
	r.SysV[name], r.From[name] = value, path
}

// addresses reads a comma-separated list. As in ocijail, a jail with its own network stack ignores
// it.
func (r *reader) addresses(path, parameter string, f *family, value string, is func(netip.Addr) bool) {
	if r.Vnet == shareNew {
		return
	}
	var list []netip.Addr
	for text := range strings.SplitSeq(value, ",") {
		if text == "" {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil || !is(a) || a.Zone() != "" || a.Is4In6() {
			r.refuse(path, "must be a comma-separated list of numeric addresses")
			return
		}
		list = append(list, a)
	}
	if len(f.Addresses) > 0 && !slices.Equal(f.Addresses, list) {
		r.refuse(path, "must be the same addresses as in freebsd.jail")
	}
	f.Addresses, r.From[parameter] = list, path
}

func (r *reader) permission(path, key, value string) {
	name, ok := strings.CutPrefix(key, "allow.")
	if !ok || !slices.Contains(permissions, name) {
		r.refuse(path, "is not a known annotation")
		return
	}
	var given bool
	switch value {
	case "true", "1":
		given = true
	case "false", "0":
	default:
		r.refuse(path, "must be one of true, 1, false, 0")
	}
	if had, said := r.Allow[name]; said && had != given {
		r.refuse(path, "must equal the value in freebsd.jail.allow")
	}
	r.Allow[name], r.From["allow."+name] = given, path
}
