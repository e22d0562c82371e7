//go:build linux

package command

import (
	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/host"
)

// config prints a configuration with pending values applied, or without them (--current).
func config(c *call) error {
	host.Spend(c.host.Settings.Latency.Query)
	conf, err := c.load()
	if err != nil {
		return err
	}
	shown := conf.Shown()
	if c.flag("current") {
		shown = &conf.Section
	}
	for _, key := range shown.Keys() {
		value, _ := shown.Get(key)
		if key == "description" {
			value = ctconf.Encode(value)
		}
		c.say("%s: %s", key, value)
	}
	for _, raw := range shown.Raw {
		c.say("%s: %s", raw.Key, raw.Value)
	}
	return nil
}

// pending prints each key with its current and its pending value.
func pending(c *call) error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	deleted := map[string]bool{}
	for _, key := range conf.PendingDeletes() {
		deleted[key] = true
	}
	all := ctconf.NewSection()
	for _, section := range []*ctconf.Section{&conf.Section, conf.Pending} {
		for _, key := range section.Keys() {
			all.Set(key, "1")
		}
	}
	for _, key := range all.Keys() {
		if key == "delete" {
			continue
		}
		now, set := conf.Get(key)
		next, waiting := conf.Pending.Get(key)
		if key == "description" {
			now, next = ctconf.Encode(now), ctconf.Encode(next)
		}
		switch {
		case set && deleted[key]:
			c.say("del %s: %s", key, now)
			continue
		case set:
			c.say("cur %s: %s", key, now)
		}
		if waiting {
			c.say("new %s: %s", key, next)
		}
	}
	return nil
}
