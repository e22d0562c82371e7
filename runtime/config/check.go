package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The bounds that Proxmox VE sets to a VMID (pct(1)).
const (
	minVMID = 100
	maxVMID = 999_999_999
)

// The names that Proxmox VE accepts: of pools (pve-poolid) and of tags (pve-tag).
const (
	poolName = `^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}$`
	tagName  = `^[a-zA-Z0-9_][a-zA-Z0-9_+.-]*$`
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
	named("pct.pool", poolName, p.Pool)
	for i, tag := range p.Tags {
		named(fmt.Sprintf("pct.tags[%d]", i+1), tagName, tag)
	}
	if p.Timeout < 0 {
		fail("pct.timeout", "%d is negative: it is a number of seconds", p.Timeout)
	}
}
