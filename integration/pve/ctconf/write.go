package ctconf

import (
	"fmt"
	"sort"
	"strings"
)

// String returns the configuration as PVE writes it to its file.
func (c *Config) String() string {
	var text strings.Builder
	c.write(&text)
	if len(c.Pending.Keys()) > 0 || len(c.Pending.Raw) > 0 {
		text.WriteString("\n[pve:pending]\n")
		c.Pending.write(&text)
	}
	names := make([]string, 0, len(c.Snapshots))
	for name := range c.Snapshots {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&text, "\n[%s]\n", name)
		c.Snapshots[name].write(&text)
	}
	return text.String()
}

func (s *Section) write(text *strings.Builder) {
	for _, line := range strings.Split(strings.TrimRight(s.Description, "\n"), "\n") {
		if s.Description != "" {
			text.WriteString("#" + Encode(line) + "\n")
		}
	}
	for _, key := range s.Keys() {
		if value, ok := s.Values[key]; ok {
			fmt.Fprintf(text, "%s: %s\n", key, value)
		}
	}
	for _, variable := range s.Env {
		fmt.Fprintf(text, "lxc.environment.runtime: %s\n", variable)
	}
	for _, raw := range s.Raw {
		fmt.Fprintf(text, "%s: %s\n", raw.Key, raw.Value)
	}
}
