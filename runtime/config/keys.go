package config

import (
	"maps"
	"slices"
)

// Keys returns the keys of the annotations that decide on a container's backend, in alphabetical
// order.
func (c *Config) Keys() []string {
	keys := map[string]bool{}
	if c.Annotation != "" {
		keys[c.Annotation] = true
	}
	for i := range c.Rules {
		for key := range c.Rules[i].Annotations {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
