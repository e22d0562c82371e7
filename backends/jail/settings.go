package jail

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// Values of jail(8) parameters that say where the jail gets a resource from.
const (
	shareNew     = string(specs.FreeBSDShareNew)
	shareInherit = string(specs.FreeBSDShareInherit)
	shareDisable = string(specs.FreeBSDShareDisable)
)

// settings holds what config.json says about the jail itself, in freebsd.jail or in annotations.
type settings struct {
	// Parent is the name of the parent jail, or "".
	Parent               string
	Host                 string
	Hostname, Domainname string
	Vnet                 string
	IP4, IP6             family
	Interface            string
	VnetInterfaces       []string
	// SysV has the values for sysvmsg, sysvsem and sysvshm.
	SysV          map[string]string
	EnforceStatfs *int
	// Allow has the permissions that are granted (true) or revoked (false), without the prefix
	// "allow.".
	Allow map[string]bool
	// Object is true if the config has freebsd.jail. A config without it comes from an engine that
	// knows only ocijail, and gets ocijail's defaults.
	Object bool
	// From maps names of jail(8) parameters to the JSON paths that they come from.
	From map[string]string
}

// family is a jail's access to IPv4 or IPv6.
type family struct {
	Mode      string
	Addresses []netip.Addr
}

// settingsOf reads a valid config. config is the text of config.json.
func settingsOf(s *specs.Spec, config []byte) (*settings, spec.Problems) {
	r := &reader{settings: settings{
		Hostname: s.Hostname, Domainname: s.Domainname, SysV: map[string]string{}, Allow: map[string]bool{},
		From: map[string]string{"host.hostname": "hostname", "host.domainname": "domainname"},
	}}
	if s.FreeBSD != nil && s.FreeBSD.Jail != nil {
		r.object(s.FreeBSD.Jail, config)
	}
	r.annotations(s.Annotations)
	r.check()
	return &r.settings, r.problems
}

// reader collects settings and the problems with them.
type reader struct {
	settings
	problems spec.Problems
}

func (r *reader) refuse(path, message string) {
	r.problems = append(r.problems, spec.Problem{Path: path, Level: spec.Error, Message: message})
}

// object reads freebsd.jail, which package spec has already checked.
func (r *reader) object(j *specs.FreeBSDJail, config []byte) {
	r.Object = true
	r.Parent, r.Host, r.Vnet = j.Parent, string(j.Host), string(j.Vnet)
	r.IP4, r.IP6 = family{string(j.Ip4), addresses(j.Ip4Addr)}, family{string(j.Ip6), addresses(j.Ip6Addr)}
	r.Interface, r.VnetInterfaces = j.Interface, j.VnetInterfaces
	r.EnforceStatfs = j.EnforceStatfs
	for name, value := range map[string]specs.FreeBSDSharing{"sysvmsg": j.SysVMsg, "sysvsem": j.SysVSem, "sysvshm": j.SysVShm} {
		if value == "" {
			r.SysV[name] = shareNew // config-freebsd.md#jail
			continue
		}
		r.SysV[name] = string(value)
		r.origins(map[string]string{name: name})
	}
	r.origins(map[string]string{
		"host": "host", "vnet": "vnet", "ip4": "ip4", "ip4.addr": "ip4Addr", "ip6": "ip6", "ip6.addr": "ip6Addr",
	})
	if j.Parent != "" {
		r.origins(map[string]string{"name": "parent"})
	}
	if j.EnforceStatfs != nil {
		r.origins(map[string]string{"enforce_statfs": "enforceStatfs"})
	}
	if j.Allow != nil {
		r.permissions(j.Allow, spec.JailDefaults(config))
	}
}

// origins records which fields of freebsd.jail the parameters come from.
func (r *reader) origins(fields map[string]string) {
	for parameter, field := range fields {
		r.From[parameter] = "freebsd.jail." + field
	}
}

// permissions reads freebsd.jail.allow. A jail has the three permissions in on unless config.json
// revokes them. It lacks the others by default, so for those false and absent mean the same.
func (r *reader) permissions(a *specs.FreeBSDJailAllow, on spec.JailOn) {
	r.origins(map[string]string{
		"allow.raw_sockets": "allow.rawSockets", "allow.chflags": "allow.chflags", "allow.quotas": "allow.quotas",
		"allow.socket_af": "allow.socketAf", "allow.mlock": "allow.mlock", "allow.set_hostname": "allow.setHostname",
		"allow.reserved_ports": "allow.reservedPorts", "allow.suser": "allow.suser", "allow.mount": "allow.mount",
	})
	for name, given := range map[string]bool{
		"raw_sockets": a.RawSockets, "chflags": a.Chflags, "quotas": a.Quotas, "socket_af": a.SocketAf, "mlock": a.Mlock,
	} {
		if given {
			r.Allow[name] = true
		}
	}
	for name, given := range map[string]*bool{
		"set_hostname": on.SetHostname, "reserved_ports": on.ReservedPorts, "suser": on.Suser,
	} {
		if given != nil {
			r.Allow[name] = *given
		}
	}
	for _, kind := range a.Mount {
		r.Allow["mount"] = true
		r.Allow["mount."+kind] = true
		r.From["allow.mount."+kind] = "freebsd.jail.allow.mount"
	}
}

// check reports settings that no jail can have, or that jail(8) would misread.
func (r *reader) check() {
	if r.Host == shareInherit && (r.Hostname != "" || r.Domainname != "") {
		r.refuse("freebsd.jail.host", `must not be "inherit" if the config has a hostname or domainname`)
	}
	for _, f := range []struct {
		name string
		family
	}{{"ip4", r.IP4}, {"ip6", r.IP6}} {
		path := "freebsd.jail." + f.name
		if len(f.Addresses) > 0 && f.Mode == shareDisable {
			r.refuse(path, `must not be "disable" if the config has addresses`)
		}
		if r.Vnet == shareNew && (len(f.Addresses) > 0 || f.Mode == shareNew || f.Mode == shareDisable) {
			r.refuse(path, "a jail with its own network stack (vnet) cannot be restricted to addresses")
		}
	}
	if r.Interface != "" && len(r.IP4.Addresses)+len(r.IP6.Addresses) == 0 {
		r.refuse("freebsd.jail.interface", "requires an address in ip4Addr or ip6Addr")
	}
	if r.Parent != "" && !parentName(r.Parent) {
		r.refuse("freebsd.jail.parent", "must be the name of a jail: names of letters, digits and _ + -, separated by dots")
	}
}

// parentName returns true if name is a valid jail name, or several joined with dots for nested
// jails.
func parentName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0] == '-' || strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-") != "" {
			return false
		}
	}
	return true
}

func addresses(list []string) []netip.Addr {
	var out []netip.Addr
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// inherited holds what a jail cannot exceed in its parent.
type inherited struct {
	Chflags, RawSockets bool
	EnforceStatfs       int
}

// unrestricted applies to jails without a parent.
var unrestricted = inherited{Chflags: true, RawSockets: true}

// param is a parameter of jail(8) and the JSON path that it comes from, or "" if the config does
// not have it.
type param struct{ text, from string }

// texts returns the arguments for jail(8).
func texts(params []param) []string {
	list := make([]string, len(params))
	for i, p := range params {
		list[i] = p.text
	}
	return list
}

// params returns the jail(8) parameters for a jail with this name, and with its root at path.
func (s *settings) params(name, path string, parent inherited) []param {
	p := []param{{"name=" + name, s.From["name"]}, {"path=" + path, "root.path"}, {text: "persist"}}
	add := func(key, value string) {
		if value != "" {
			p = append(p, param{key + "=" + value, s.From[key]})
		}
	}
	host := s.Host
	if host == "" && s.Hostname+s.Domainname != "" {
		host = shareNew
	} else if host == "" && !s.Object {
		host = shareInherit
	}
	add("host", host)
	add("host.hostname", s.Hostname)
	add("host.domainname", s.Domainname)
	add("vnet", s.Vnet)
	if s.Vnet != shareNew {
		s.ip("ip4", s.IP4, add)
		s.ip("ip6", s.IP6, add)
	}
	for _, key := range slices.Sorted(maps.Keys(s.SysV)) {
		add(key, s.SysV[key])
	}
	add("enforce_statfs", strconv.Itoa(s.statfs(parent)))
	allowed := s.allowed(parent)
	for _, key := range slices.Sorted(maps.Keys(allowed)) {
		text := "allow." + key
		if !allowed[key] {
			text = "allow." + negated(key)
		}
		p = append(p, param{text, s.From["allow."+key]})
	}
	return p
}

// ip adds the parameters of an address family. A list of addresses restricts the jail to these,
// which implies the value "new".
func (s *settings) ip(key string, f family, add func(key, value string)) {
	if len(f.Addresses) > 0 {
		list := make([]string, len(f.Addresses))
		for i, a := range f.Addresses {
			list[i] = a.String()
		}
		add(key+".addr", strings.Join(list, ","))
		return
	}
	if f.Mode == "" && !s.Object {
		f.Mode = shareInherit
	}
	add(key, f.Mode)
}

// aliases returns the addresses to add to the host's interface.
func (s *settings) aliases() []Alias {
	var list []Alias
	if s.Interface == "" {
		return nil
	}
	for _, f := range []family{s.IP4, s.IP6} {
		for _, address := range f.Addresses {
			list = append(list, Alias{s.Interface, address})
		}
	}
	return list
}

func (s *settings) statfs(parent inherited) int {
	switch {
	case s.EnforceStatfs != nil:
		return *s.EnforceStatfs
	case s.Object:
		return 2 // config-freebsd.md#jail
	}
	return max(1, parent.EnforceStatfs)
}

// allowed returns the permissions. Without freebsd.jail it adds ocijail's defaults, raw sockets and
// chflags, if the parent has them.
func (s *settings) allowed(parent inherited) map[string]bool {
	allow := maps.Clone(s.Allow)
	if s.Object {
		return allow
	}
	for name, has := range map[string]bool{"raw_sockets": parent.RawSockets, "chflags": parent.Chflags} {
		if _, said := allow[name]; !said && has {
			allow[name] = true
		}
	}
	return allow
}

// negated returns the name that turns a boolean parameter off: "no" goes before its last part
// (jail(8)).
func negated(key string) string {
	dot := strings.LastIndexByte(key, '.') + 1
	return key[:dot] + "no" + key[dot:]
}
