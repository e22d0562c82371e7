package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Proxmox VE's bounds for a VMID (pct(1)).
const (
	minVMID = 100
	maxVMID = 999_999_999
)

// The names that Proxmox VE accepts for storages (pve-storage-id), bridges, pools (pve-poolid) and
// tags (pve-tag).
const (
	storageName = `(?i)^[a-z][a-z0-9\-_.]*[a-z0-9]$`
	bridgeName  = `^[-_.\w\d]+$`
	poolName    = `^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}$`
	tagName     = `^[a-zA-Z0-9_][a-zA-Z0-9_+.-]*$`
)

// check calls fail for each setting that cannot be right.
func check(c *Config, known []string, fail func(key, format string, args ...any)) {
	backend := func(key, name string) {
		if !slices.Contains(known, name) {
			fail(key, "must be one of %s, not %q", strings.Join(known, ", "), name)
		}
	}
	if c.Default != "" {
		backend("default", c.Default)
	}
	absolute := func(key, path string) {
		if path != "" && !filepath.IsAbs(path) {
			fail(key, "must be an absolute path, not %q", path)
		}
	}
	absolute("lxc.path", c.LXC.Path)
	absolute("pct.path", c.Pct.Path)
	for key, runtime := range map[string]string{"crun.runtime": c.Crun.Runtime, "runc.runtime": c.Runc.Runtime} {
		if strings.Contains(runtime, "/") {
			absolute(key, runtime)
		}
	}
	checkPct(&c.Pct, fail)
	for i := range c.Rules {
		key := fmt.Sprintf("rule[%d]", i+1)
		r := &c.Rules[i]
		if r.Backend == "" {
			fail(key, "the rule has no backend")
		} else {
			backend(key+".backend", r.Backend)
		}
		if r.empty() {
			fail(key, "the rule has no condition: use \"default\" for the backend of all other containers")
		}
	}
}

func checkPct(p *Pct, fail func(key, format string, args ...any)) {
	if len(p.VMIDs) != 0 {
		first, last := p.VMIDs.First(), p.VMIDs.Last()
		if first < minVMID || last > maxVMID || first > last {
			fail("pct.vmid-range", "must be a range [first, last] from %d to %d, not %v", minVMID, maxVMID, []int(p.VMIDs))
		}
	}
	named := func(key, pattern, name string) {
		if name != "" && !regexp.MustCompile(pattern).MatchString(name) {
			fail(key, "%q is not a valid name in Proxmox VE", name)
		}
	}
	named("pct.storage", storageName, p.Storage)
	named("pct.pool", poolName, p.Pool)
	named("pct.network.bridge", bridgeName, p.Network.Bridge)
	checkNetwork(&p.Network, fail)
	for i, tag := range p.Tags {
		named(fmt.Sprintf("pct.tags[%d]", i+1), tagName, tag)
	}
	for i, line := range p.Lines {
		checkLine(fmt.Sprintf("pct.lxc-lines[%d]", i+1), line, fail)
	}
	if p.QuorumWait < 0 {
		fail("pct.quorum-wait", "must be a number of seconds, at least 0, not %d", p.QuorumWait)
	}
	if p.Timeout < 0 {
		fail("pct.timeout", "must be a number of seconds, at least 0, not %d", p.Timeout)
	}
}

// checkNetwork requires what Proxmox VE accepts for a network device whose address it sets itself.
func checkNetwork(n *Network, fail func(key, format string, args ...any)) {
	if n.Bridge == "" && *n != (Network{}) {
		fail("pct.network", "bridge is required")
	}
	if n.Tag < 0 || n.Tag > 4094 {
		fail("pct.network.tag", "must be a VLAN from 1 to 4094, or 0 for none, not %d", n.Tag)
	}
	if n.Rate < 0 {
		fail("pct.network.rate", "must be a number of MB/s, at least 0, not %v", n.Rate)
	}
	for _, family := range []struct {
		address, gateway       string
		addressKey, gatewayKey string
		is                     func(netip.Addr) bool
		name                   string
	}{
		{n.IP, n.Gateway, "pct.network.ip", "pct.network.gateway", netip.Addr.Is4, "IPv4"},
		{n.IP6, n.Gateway6, "pct.network.ip6", "pct.network.gateway6", netip.Addr.Is6, "IPv6"},
	} {
		switch family.address {
		case "", "dhcp", "manual":
		default:
			if p, err := netip.ParsePrefix(family.address); err != nil || !family.is(p.Addr()) || p.Addr().Zone() != "" {
				fail(family.addressKey, "must be an %s address with its prefix length, dhcp or manual, not %q", family.name, family.address)
			}
		}
		if family.gateway == "" {
			continue
		}
		if a, err := netip.ParseAddr(family.gateway); err != nil || !family.is(a) || a.Zone() != "" {
			fail(family.gatewayKey, "must be an %s address, not %q", family.name, family.gateway)
		}
	}
}
