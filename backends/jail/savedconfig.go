package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

// savedConfigFile is a file in the container's state directory. It holds what exec and update need
// of config.json, because a bundle can change while its container runs.
const savedConfigFile = "kept.json"

type savedConfig struct {
	Process *specs.Process `json:"process"`
	Limits  []limit        `json:"limits,omitempty"`
	// Updated is true if an update has changed limits or was about to.
	Updated bool `json:"updated,omitempty"`
}

func saveConfig(c *backends.Container, k *savedConfig) error {
	if err := record.Save(filepath.Join(c.Dir, savedConfigFile), k); err != nil {
		return fmt.Errorf("save the config of container %q: %w", c.ID, err)
	}
	return nil
}

func loadSavedConfig(c *backends.Container) (*savedConfig, error) {
	file := filepath.Join(c.Dir, savedConfigFile)
	k := &savedConfig{}
	err := record.Load(file, k)
	if err == nil && k.Process == nil {
		err = record.Damaged("%s is incomplete", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the saved config of container %q: %w", c.ID, err)
	}
	return k, nil
}

// updated returns true if an update may have set limits that the record does not mention.
func updated(c *backends.Container) (bool, error) {
	_, err := os.Stat(filepath.Join(c.Dir, savedConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // create has not come that far
	}
	k, err := loadSavedConfig(c)
	if err != nil {
		return false, err
	}
	return k.Updated, nil
}

// OwnProcess returns the field process of config.json.
func (b *Backend) OwnProcess(c *backends.Container) (*specs.Process, error) {
	k, err := loadSavedConfig(c)
	if err != nil {
		return nil, err
	}
	return k.Process, nil
}
