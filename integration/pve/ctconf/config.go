package ctconf

import (
	"fmt"
	"sort"
	"strings"
)

// Raw is one raw LXC line of a configuration.
type Raw struct{ Key, Value string }

// Section is the main part of a configuration, a snapshot or the pending changes.
type Section struct {
	Values      map[string]string // without description and env
	Description string
	Env         []string
	Raw         []Raw
}

// Config is a container's complete configuration.
type Config struct {
	Section
	Pending   *Section
	Snapshots map[string]*Section
	Digest    string // SHA-1 of the file, hexadecimal
}

// NewSection returns an empty section.
func NewSection() *Section { return &Section{Values: map[string]string{}} }

// New returns an empty configuration.
func New() *Config {
	return &Config{Section: *NewSection(), Pending: NewSection(), Snapshots: map[string]*Section{}}
}

// Get returns the value of a key, including description and env (NUL-separated).
func (s *Section) Get(key string) (string, bool) {
	switch key {
	case "description":
		return s.Description, s.Description != ""
	case "env":
		return strings.Join(s.Env, "\x00"), len(s.Env) > 0
	}
	v, ok := s.Values[key]
	return v, ok
}

// Set sets the value of a key.
func (s *Section) Set(key, value string) {
	switch key {
	case "description":
		s.Description = value
	case "env":
		s.Env = strings.FieldsFunc(value, func(r rune) bool { return r == 0 })
	default:
		s.Values[key] = value
	}
}

// Delete removes a key.
func (s *Section) Delete(key string) {
	switch key {
	case "description":
		s.Description = ""
	case "env":
		s.Env = nil
	default:
		delete(s.Values, key)
	}
}

// Keys returns the keys that are set, sorted.
func (s *Section) Keys() []string {
	list := make([]string, 0, len(s.Values)+2)
	for key := range s.Values {
		list = append(list, key)
	}
	if s.Description != "" {
		list = append(list, "description")
	}
	if len(s.Env) > 0 {
		list = append(list, "env")
	}
	sort.Strings(list)
	return list
}

// True returns true if a boolean key is set to 1.
func (s *Section) True(key string) bool { return s.Values[key] == "1" }

// HasRaw returns true if there is a raw line with this key.
func (s *Section) HasRaw(key string) bool {
	for _, raw := range s.Raw {
		if raw.Key == key {
			return true
		}
	}
	return false
}

// Or returns the value of a key, or other if the key is not set.
func (s *Section) Or(key, other string) string {
	if v, ok := s.Get(key); ok {
		return v
	}
	return other
}

// Mounts returns the volumes in PVE's order: rootfs, then mp0 and up.
func (s *Section) Mounts() ([]*Mount, error) {
	keys := []string{"rootfs"}
	for i := range MaxMountPoints {
		keys = append(keys, fmt.Sprintf("mp%d", i))
	}
	var mounts []*Mount
	for _, key := range keys {
		value, ok := s.Values[key]
		if !ok {
			continue
		}
		m, err := ParseMount(key, value)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// Unused returns the volumes that belong to the container and are not mounted.
func (s *Section) Unused() (list []string) {
	for i := range MaxMountPoints {
		if id, ok := s.Values[fmt.Sprintf("unused%d", i)]; ok {
			list = append(list, id)
		}
	}
	return list
}

// AddUnused adds an unused volume under the first free key.
func (s *Section) AddUnused(id string) {
	for i := range MaxMountPoints {
		if key := fmt.Sprintf("unused%d", i); s.Values[key] == "" {
			s.Values[key] = id
			return
		}
	}
}
