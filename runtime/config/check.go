package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The bounds that Proxmox VE sets to a VMID (pct(1)), and 802.1Q to a tag.
const (
	minVMID = 100
	maxVMID = 999_999_999
	maxVLAN = 4094
)

// The names that Proxmox VE accepts: of storages (pve-storage-id), of pools
// (pve-poolid), of tags (pve-tag), and the kernel's of a network device.
const (
	storageName = `^[a-zA-Z][a-zA-Z0-9_.-]*[a-zA-Z0-9]$`
	poolName    = `^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}$`
	tagName     = `^[a-zA-Z0-9_][a-zA-Z0-9_+.-]*$`
	bridgeName  = `^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$`
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
	named("pct.bridge", bridgeName, p.Bridge)
	for i, tag := range p.Tags {
		named(fmt.Sprintf("pct.tags[%d]", i+1), tagName, tag)
	}
	if p.VLAN < 0 || p.VLAN > maxVLAN {
		fail("pct.vlan", "%d is no VLAN tag: it is 1 to %d, or 0 for none", p.VLAN, maxVLAN)
	}
	if p.IP != "" && p.IP != "dhcp" && p.IP != "manual" {
		if prefix, err := netip.ParsePrefix(p.IP); err != nil || !prefix.Addr().Is4() {
			fail("pct.ip", "%q is neither dhcp nor manual nor an IPv4 address with its prefix length", p.IP)
		}
	}
	if p.Gateway != "" {
		if addr, err := netip.ParseAddr(p.Gateway); err != nil || !addr.Is4() {
			fail("pct.gateway", "%q is no IPv4 address", p.Gateway)
		}
	}
	if p.Timeout < 0 {
		fail("pct.timeout", "%d is negative: it is a number of seconds", p.Timeout)
	}
}
