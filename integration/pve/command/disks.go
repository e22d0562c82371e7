//go:build linux

package command

import (
	"slices"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/volume"
)

// unprivilegedRoot is the host's id for root in an unprivileged container.
const unprivilegedRoot = 100000

// createDisks creates the volumes that are requested by size, and puts their IDs into the
// configuration.
func (c *call) createDisks(conf *ctconf.Config) (made []string, err error) {
	mounts, err := conf.Mounts()
	if err != nil {
		return nil, err
	}
	owner := 0
	if conf.True("unprivileged") {
		owner = unprivilegedRoot
	}
	for _, m := range mounts {
		storage, size, isNew := volume.NewDisk(m.Volume)
		if !isNew {
			continue
		}
		id, err := volume.Allocate(c.host, storage, c.id, owner)
		if err != nil {
			return made, err
		}
		made = append(made, id)
		m.Parts["volume"], m.Parts["size"] = id, size+"G"
		conf.Set(m.Key, m.String())
	}
	return made, nil
}

func (c *call) freeDisks(ids []string) {
	for _, id := range ids {
		if err := volume.Free(c.host, id); err != nil {
			c.warn("%s", err)
		}
	}
}

// ownVolumes returns the volumes that are deleted with the container.
func ownVolumes(conf *ctconf.Section) ([]string, error) {
	mounts, err := conf.Mounts()
	var ids []string
	for _, m := range mounts {
		if m.Kind() == ctconf.Volume {
			ids = append(ids, m.Volume)
		}
	}
	return ids, err
}

// settleDisks creates the requested volumes, records volumes that the configuration no longer
// mounts as unused, and frees volumes from unused that the configuration no longer names.
func (c *call) settleDisks(conf *ctconf.Config, before, unused []string) error {
	if _, err := c.createDisks(conf); err != nil {
		return err
	}
	now, err := ownVolumes(&conf.Section)
	if err != nil {
		return err
	}
	for _, id := range before {
		if !slices.Contains(now, id) {
			conf.AddUnused(id)
		}
	}
	named := append(now, conf.Unused()...)
	c.freeDisks(slices.DeleteFunc(unused, func(id string) bool { return slices.Contains(named, id) }))
	return nil
}
