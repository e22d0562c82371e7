package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
)

// Load reads a container's configuration on this node. warn gets the lines that could not be read.
func (c *Cluster) Load(id string, warn func(string)) (*ctconf.Config, error) {
	raw, err := os.ReadFile(c.ConfigPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure.Missing("Configuration file '%s' does not exist", c.ConfigName(id))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.ConfigName(id), err)
	}
	return ctconf.Parse(id, string(raw), warn), nil
}

// Write replaces a container's configuration.
func (c *Cluster) Write(id string, conf *ctconf.Config) error {
	if err := c.writable(id); err != nil {
		return err
	}
	unlock, err := c.guard()
	if err != nil {
		return err
	}
	defer unlock()
	if err := replace(c.ConfigPath(id), []byte(conf.String()), 0o640); err != nil {
		return err
	}
	return c.refresh(id)
}

// Create claims an unused ID with a configuration.
func (c *Cluster) Create(id string, conf *ctconf.Config) error {
	if err := c.writable(id); err != nil {
		return err
	}
	unlock, err := c.guard()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.CheckUnused(id); err != nil {
		return err
	}
	if err := replace(c.ConfigPath(id), []byte(conf.String()), 0o640); err != nil {
		return err
	}
	return c.refresh(id)
}

// Remove removes a container's configuration and so frees its ID.
func (c *Cluster) Remove(id string) error {
	unlock, err := c.guard()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.writable(id); err != nil {
		return failure.New("failed to remove config file: Permission denied")
	}
	if err := os.Remove(c.ConfigPath(id)); err != nil {
		return failure.Missing("failed to remove config file: No such file or directory")
	}
	return c.refresh("")
}

// writable refuses changes without quorum, with the message of a write that pmxcfs denies.
func (c *Cluster) writable(id string) error {
	if !c.host.Settings.NoQuorum {
		return nil
	}
	return failure.New("unable to open file '%s/%s.tmp.%d' - Permission denied", base, c.ConfigName(id), os.Getpid())
}

// CheckQuorum fails without quorum.
func (c *Cluster) CheckQuorum() error {
	if c.host.Settings.NoQuorum {
		return failure.New("cluster not ready - no quorum?")
	}
	return nil
}

// Local returns the IDs of this node's containers, in numerical order.
func (c *Cluster) Local() ([]string, error) {
	guests, err := c.guests()
	if err != nil {
		return nil, err
	}
	var ids []string
	for id, guest := range guests {
		if guest.Type == "lxc" && guest.Node == c.host.Node {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool {
		if len(ids[i]) != len(ids[j]) {
			return len(ids[i]) < len(ids[j])
		}
		return ids[i] < ids[j]
	})
	return ids, nil
}
