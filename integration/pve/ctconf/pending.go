package ctconf

import (
	"sort"
	"strings"

	"github.com/berth-oci/berth/integration/pve/schema"
)

// PendingDeletes returns the keys with a pending deletion, without the "!" that marks force.
func (c *Config) PendingDeletes() []string {
	var keys []string
	for _, word := range schema.SplitList(c.Pending.Values["delete"]) {
		keys = append(keys, strings.TrimPrefix(word, "!"))
	}
	return keys
}

func (c *Config) setPendingDeletes(keys []string) {
	sort.Strings(keys)
	delete(c.Pending.Values, "delete")
	if len(keys) > 0 {
		c.Pending.Values["delete"] = strings.Join(keys, ",")
	}
}

// Want adds a change to the pending section.
func (c *Config) Want(key, value string) {
	c.Pending.Set(key, value)
	c.forgetDelete(key)
}

// WantDeleted adds a deletion to the pending section.
func (c *Config) WantDeleted(key string) {
	c.forgetDelete(key)
	c.setPendingDeletes(append(c.PendingDeletes(), key))
}

// Revert drops the pending change or deletion of a key.
func (c *Config) Revert(key string) {
	c.Pending.Delete(key)
	c.forgetDelete(key)
}

func (c *Config) forgetDelete(key string) {
	var rest []string
	for _, other := range c.PendingDeletes() {
		if other != key {
			rest = append(rest, other)
		}
	}
	c.setPendingDeletes(rest)
}

// Apply applies the pending change or deletion of one key.
func (c *Config) Apply(key string) {
	for _, deleted := range c.PendingDeletes() {
		if deleted == key {
			c.Section.Delete(key)
			c.forgetDelete(key)
		}
	}
	if value, ok := c.Pending.Get(key); ok && key != "delete" {
		c.Section.Set(key, value)
		c.Pending.Delete(key)
	}
}

// ApplyPending applies all pending changes. It returns true if there were any.
func (c *Config) ApplyPending() bool {
	keys := append(c.PendingDeletes(), c.Pending.Keys()...)
	for _, key := range keys {
		c.Apply(key)
	}
	return len(keys) > 0
}

// Shown returns the configuration with pending changes applied, as `pct config` shows it.
func (c *Config) Shown() *Section {
	s := NewSection()
	s.Description, s.Env, s.Raw = c.Description, c.Env, c.Raw
	for key, value := range c.Values {
		s.Values[key] = value
	}
	for _, key := range c.Pending.Keys() {
		if value, _ := c.Pending.Get(key); key != "delete" {
			s.Set(key, value)
		}
	}
	for _, key := range c.PendingDeletes() {
		s.Delete(key)
	}
	return s
}
