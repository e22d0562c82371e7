//go:build linux

package command

import (
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

func (c *call) checkDestroyable() (*ctconf.Config, error) {
	conf, err := c.load()
	if err != nil {
		return nil, err
	}
	if conf.True("protection") {
		return nil, failure.New("can't remove CT %s - protection mode enabled", c.id)
	}
	return conf, checkLock(conf)
}

func (c *call) stillRunning() error {
	return failure.New("unable to destroy CT %s - container is running", c.id)
}

func checkDestroy(c *call) error {
	if _, err := c.checkDestroyable(); err != nil {
		return err
	}
	if !c.flag("force") && c.running() {
		return c.stillRunning()
	}
	return nil
}

// destroy removes the configuration, LXC's files and the volumes. It keeps a root that is a
// directory of the host.
func destroy(c *call) error {
	host.Spend(c.host.Settings.Latency.Destroy)
	return c.locked(func() error {
		conf, err := c.checkDestroyable()
		if err != nil {
			return err
		}
		if c.running() {
			if !c.flag("force") {
				return c.stillRunning()
			}
			c.warn("forced to stop CT %s before destroying!", c.id)
			if err := lxc.Stop(c.host, c.id, lxc.StopOptions{Kill: true}, c.stdout); err != nil {
				return err
			}
		}
		directory := filepath.Join(c.host.LXCPath(), c.id)
		_ = os.Remove(directory + "/rootfs")
		_ = os.Remove(directory + "/config")
		_ = os.Remove(directory)
		zombie := ctconf.New()
		zombie.Set("lock", "destroyed")
		if err := c.cluster.Write(c.id, zombie); err != nil {
			return err
		}
		if c.flag("purge") {
			c.say("purging CT %s from related configurations..", c.id)
		}
		volumes, err := ownVolumes(&conf.Section)
		if err != nil {
			return err
		}
		c.freeDisks(append(volumes, conf.Unused()...))
		if err := c.cluster.RemoveFromPools(c.id); err != nil {
			return err
		}
		return c.cluster.Remove(c.id)
	})
}
