package enclosing

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/record"
)

// savedConfigFile is the file in a container's state directory that holds what exec and update need
// of config.json. A bundle can be changed or removed while its container runs. runc and crun save a
// copy as well.
const savedConfigFile = "kept.json"

type savedConfig struct {
	Process *specs.Process `json:"process"`
	// Linux has namespaces, seccomp, personality and memory policy, and resources without devices.
	Linux        *specs.Linux `json:"linux"`
	NoNewKeyring bool         `json:"noNewKeyring,omitempty"`
	// NoSeccompFlags is true if linux.seccomp.flags is an empty list. JSON does not tell an empty
	// list from a missing one, but without a list there are default flags.
	NoSeccompFlags bool `json:"noSeccompFlags,omitempty"`
}

// spec returns the saved parts of config.json as a Spec.
func (k *savedConfig) spec() *specs.Spec { return &specs.Spec{Linux: k.Linux} }

// saveConfig writes the file for a container that is being created.
func saveConfig(j *enclosure.Job, o *backends.CreateOptions) error {
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

// OwnProcess returns process of config.json.
func (b Backend) OwnProcess(c *backends.Container) (*specs.Process, error) {
	k, err := loadSavedConfig(c)
	if err != nil {
		return nil, err
	}
	return k.Process, nil
}
