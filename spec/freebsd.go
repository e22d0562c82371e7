package spec

import (
	"net/netip"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	shareNew     = specs.FreeBSDShareNew
	shareInherit = specs.FreeBSDShareInherit
	shareDisable = specs.FreeBSDShareDisable
)

// freebsd checks config-freebsd.md.
func (c *checker) freebsd(f *specs.FreeBSD) {
	for i, d := range f.Devices {
		path := at("freebsd.devices", i)
		switch {
		case d.Path == "":
			c.errorf(path+".path", "is required and must be a path relative to /dev")
		case d.Path[0] == '/' || !clean(d.Path):
			c.errorf(path+".path", "must be a path relative to /dev, without . and .., not %s", quote(d.Path))
		}
		c.printable(path+".path", d.Path)
		if m := d.Mode; m != nil && *m > 0o7777 {
			c.errorf(path+".mode", "must be at most %d (octal 07777), not %d: numbers in JSON are decimal", 0o7777, *m)
		}
	}
	if f.Jail != nil {
		c.jail(f.Jail)
	}
}

// clean reports whether no component of a path is empty, "." or "..".
func clean(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// jail checks config-freebsd.md#jail and the rules of jail(8).
func (c *checker) jail(j *specs.FreeBSDJail) {
	const path = "freebsd.jail"
	share := func(name string, v specs.FreeBSDSharing, allowed ...specs.FreeBSDSharing) {
		if v != "" {
			oneOf(c, path+"."+name, v, allowed...)
		}
	}
	share("host", j.Host, shareNew, shareInherit)
	share("ip4", j.Ip4, shareNew, shareInherit, shareDisable)
	share("ip6", j.Ip6, shareNew, shareInherit, shareDisable)
	share("vnet", j.Vnet, shareNew, shareInherit)
	share("sysvmsg", j.SysVMsg, shareNew, shareInherit, shareDisable)
	share("sysvsem", j.SysVSem, shareNew, shareInherit, shareDisable)
	share("sysvshm", j.SysVShm, shareNew, shareInherit, shareDisable)
	c.printable(path+".parent", j.Parent)
	for i, a := range j.Ip4Addr {
		if ip, err := netip.ParseAddr(a); err != nil || !ip.Is4() {
			c.errorf(at(path+".ip4Addr", i), "must be a numeric IPv4 address, not %s", quote(a))
		}
	}
	for i, a := range j.Ip6Addr {
		if ip, err := netip.ParseAddr(a); err != nil || !ip.Is6() || ip.Zone() != "" {
			c.errorf(at(path+".ip6Addr", i), "must be a numeric IPv6 address, not %s", quote(a))
		}
	}
	if j.Interface != "" {
		c.interfaceName(path+".interface", j.Interface)
	}
	for i, n := range j.VnetInterfaces {
		c.interfaceName(at(path+".vnetInterfaces", i), n)
	}
	if len(j.VnetInterfaces) > 0 && j.Vnet != shareNew {
		c.errorf(path+".vnetInterfaces", `needs a vnet of the container's own: freebsd.jail.vnet must be "new"`)
	}
	if j.Vnet == shareNew && (j.Ip4 != "" || j.Ip6 != "") {
		c.warnf(path+".vnet", `ip4 and ip6 should be omitted if vnet is "new"`)
	}
	if e := j.EnforceStatfs; e != nil && (*e < 0 || *e > 2) {
		c.errorf(path+".enforceStatfs", "must be 0, 1 or 2, not %d", *e)
	}
	if j.Allow != nil {
		for i, fs := range j.Allow.Mount {
			if fs == "" || strings.Trim(fs, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				c.errorf(at(path+".allow.mount", i), "must be the name of a file system, not %s", quote(fs))
			}
		}
	}
}
