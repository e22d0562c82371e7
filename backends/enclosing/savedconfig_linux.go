package enclosing

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// keptFile holds in a container's state directory what exec and update need of
// its config.json. A bundle can be changed or removed while its container runs;
// runc and crun keep a copy as well.
const savedConfigFile = "kept.json"

type savedConfig struct {
	Process *specs.Process `json:"process"`
	// Linux has namespaces, seccomp, personality, memory policy, and resources without
	// devices.
	Linux        *specs.Linux `json:"linux"`
	NoNewKeyring bool         `json:"noNewKeyring,omitempty"`
	// NoSeccompFlags says that linux.seccomp.flags is an empty list, which JSON
	// does not tell from none: without one there are default flags.
	NoSeccompFlags bool `json:"noSeccompFlags,omitempty"`
}

// spec is what is left of config.json, for what asks one.
func (k *savedConfig) spec() *specs.Spec { return &specs.Spec{Linux: k.Linux} }

// keep writes the file for a container that is being created.
func saveConfig(j *Job, o *backends.CreateOptions) error {
	l := j.Spec.Linux
	k := &savedConfig{Process: j.Spec.Process, NoNewKeyring: o.NoNewKeyring, Linux: &specs.Linux{
		Namespaces: l.Namespaces, Seccomp: l.Seccomp, Personality: l.Personality, MemoryPolicy: l.MemoryPolicy,
	}}
	k.NoSeccompFlags = l.Seccomp != nil && l.Seccomp.Flags != nil && len(l.Seccomp.Flags) == 0
	if r := l.Resources; r != nil {
		copied := *r
		copied.Devices = nil
		k.Linux.Resources = &copied
	}
	return k.write(j.Container)
}

func (k *savedConfig) write(c *backends.Container) error {
	data, err := record.Marshal(k)
	if err == nil {
		err = renameio.WriteFile(filepath.Join(c.Dir, savedConfigFile), data, 0o600, renameio.WithTempDir(c.Dir))
	}
	if err != nil {
		return fmt.Errorf("state of container %q: %w", c.ID, err)
	}
	return nil
}

func loadSavedConfig(c *backends.Container) (*savedConfig, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, savedConfigFile))
	k := &savedConfig{}
	if err == nil {
		err = record.Unmarshal(data, k)
	}
	if err == nil && (k.Process == nil || k.Linux == nil) {
		err = record.Damaged("it is incomplete")
	}
	if err != nil {
		return nil, fmt.Errorf("state of container %q: %s: %w", c.ID, filepath.Join(c.Dir, savedConfigFile), err)
	}
	if s := k.Linux.Seccomp; s != nil && k.NoSeccompFlags {
		s.Flags = []specs.LinuxSeccompFlag{}
	}
	return k, nil
}

// OwnProcess is process of config.json.
func (b Backend) OwnProcess(c *backends.Container) (*specs.Process, error) {
	k, err := loadSavedConfig(c)
	if err != nil {
		return nil, err
	}
	return k.Process, nil
}
