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
			fail(key, "there is no backend %q; there are: %s", name, strings.Join(known, ", "))
		}
	}
	if c.Default != "" {
		backend("default", c.Default)
	}
	absolute := func(key, path string) {
		if path != "" && !filepath.IsAbs(path) {
			fail(key, "%q is no absolute path", path)
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
			fail(key, "the rule names no backend")
		} else {
			backend(key+".backend", r.Backend)
		}
		if r.empty() {
			fail(key, "the rule has no condition; \"default\" names the backend of all other containers")
		}
	}
}

func checkPct(p *Pct, fail func(key, format string, args ...any)) {
	if len(p.VMIDs) != 0 {
		first, last := p.VMIDs.First(), p.VMIDs.Last()
		if first < minVMID || last > maxVMID || first > last {
			fail("pct.vmid-range", "%v is no range: it is [first, last], from %d to %d", []int(p.VMIDs), minVMID, maxVMID)
		}
	}
	named := func(key, pattern, name string) {
		if name != "" && !regexp.MustCompile(pattern).MatchString(name) {
			fail(key, "%q is not a name that Proxmox VE takes here", name)
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
		fail("pct.quorum-wait", "%d is negative: it is a number of seconds", p.QuorumWait)
	}
	if p.Timeout < 0 {
		fail("pct.timeout", "%d is negative: it is a number of seconds", p.Timeout)
	}
}

// checkNetwork requires what Proxmox VE accepts for a network device whose address it sets itself.
func checkNetwork(n *Network, fail func(key, format string, args ...any)) {
	if n.Bridge == "" && *n != (Network{}) {
		fail("pct.network", "the network has no bridge")
	}
	if n.Tag < 0 || n.Tag > 4094 {
		fail("pct.network.tag", "%d is no VLAN: they are from 1 to 4094", n.Tag)
	}
	if n.Rate < 0 {
		fail("pct.network.rate", "%v is negative: it is in MB/s", n.Rate)
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
				fail(family.addressKey, "%q is no %s address with the length of its prefix, and neither dhcp nor manual", family.address, family.name)
			}
		}
		if family.gateway == "" {
			continue
		}
		if a, err := netip.ParseAddr(family.gateway); err != nil || !family.is(a) || a.Zone() != "" {
			fail(family.gatewayKey, "%q is no %s address", family.gateway, family.name)
		}
	}
}
