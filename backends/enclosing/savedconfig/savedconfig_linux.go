// Package savedconfig keeps what exec and update need of config.json, in a file beside the
// container's record. A bundle can be changed or removed while its container runs. runc and crun
// save a copy as well.
package savedconfig

import (
	"fmt"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// File is the name of the file in a container's state directory.
const File = "kept.json"

// Config is what the file holds.
type Config struct {
	Process *specs.Process `json:"process"`
	// Linux has namespaces, seccomp, personality and memory policy, and resources without devices.
	Linux        *specs.Linux `json:"linux"`
	NoNewKeyring bool         `json:"noNewKeyring,omitempty"`
	// NoSeccompFlags is true if linux.seccomp.flags is an empty list. JSON does not tell an empty
	// list from a missing one, but without a list there are default flags.
	NoSeccompFlags bool `json:"noSeccompFlags,omitempty"`
}

// Spec returns the saved parts of config.json as a Spec.
func (k *Config) Spec() *specs.Spec { return &specs.Spec{Linux: k.Linux} }

// Save writes the file for a container that is being created.
func Save(c *backends.Container, s *specs.Spec, o *backends.CreateOptions) error {
	l := s.Linux
	k := &Config{Process: s.Process, NoNewKeyring: o.NoNewKeyring, Linux: &specs.Linux{
		Namespaces: l.Namespaces, Seccomp: l.Seccomp, Personality: l.Personality, MemoryPolicy: l.MemoryPolicy,
	}}
	k.NoSeccompFlags = l.Seccomp != nil && l.Seccomp.Flags != nil && len(l.Seccomp.Flags) == 0
	if r := l.Resources; r != nil {
		copied := *r
		copied.Devices = nil
		k.Linux.Resources = &copied
	}
	return k.Write(c)
}

// Write replaces the file.
func (k *Config) Write(c *backends.Container) error {
	if err := record.Save(filepath.Join(c.Dir, File), k); err != nil {
		return fmt.Errorf("save the config of container %q: %w", c.ID, err)
	}
	return nil
}

// Load reads the file. The error wraps record.ErrDamaged if berth has not written it.
func Load(c *backends.Container) (*Config, error) {
	file := filepath.Join(c.Dir, File)
	k := &Config{}
	err := record.Load(file, k)
	if err == nil && (k.Process == nil || k.Linux == nil) {
		err = record.Damaged("%s is incomplete", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the saved config of container %q: %w", c.ID, err)
	}
	if s := k.Linux.Seccomp; s != nil && k.NoSeccompFlags {
		s.Flags = []specs.LinuxSeccompFlag{}
	}
	return k, nil
}
