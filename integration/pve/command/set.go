//go:build linux

package command

import (
	"fmt"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// set changes a configuration. Like PVE it uses no worker.
func set(c *call) error {
	digest := c.values["digest"]
	deletes, reverts := schema.SplitList(c.values["delete"]), schema.SplitList(c.values["revert"])
	values := map[string]string{}
	for key, value := range c.values {
		values[key] = value
	}
	for _, key := range []string{"vmid", "digest"} {
		delete(values, key)
	}
	if len(values) == 0 {
		return failure.New("no options specified")
	}
	delete(values, "delete")
	delete(values, "revert")
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if err := checkLock(conf); err != nil {
			return err
		}
		if digest != "" && digest != conf.Digest {
			return failure.New("detected modified configuration - file changed by other user? Try again.")
		}
		if err := checkNames(values, deletes, "delete"); err != nil {
			return err
		}
		if err := checkNames(values, reverts, "revert"); err != nil {
			return err
		}
		running := c.running()
		before, err := ownVolumes(&conf.Section)
		if err != nil {
			return err
		}
		unused := conf.Unused()
		if err := change(c, conf, values, deletes, reverts, running); err != nil {
			return err
		}
		if err := c.settleDisks(conf, before, unused); err != nil {
			return err
		}
		if err := c.cluster.Write(c.id, conf); err != nil {
			return err
		}
		return lxc.WriteConfig(c.host, c.id, &conf.Section)
	})
}

func checkNames(values map[string]string, names []string, option string) error {
	for _, name := range names {
		if ctconf.Key(name) == nil {
			return schema.Invalid(schema.Errors{option: fmt.Sprintf("unknown option '%s'", name)})
		}
		if _, both := values[name]; both {
			text := fmt.Sprintf("you can't use '-%s' and '-%s %s' at the same time", name, option, name)
			return schema.Invalid(schema.Errors{option: text})
		}
	}
	return nil
}

// checkLock refuses a configuration with a lock.
func checkLock(conf *ctconf.Config) error {
	if lock := conf.Values["lock"]; lock != "" {
		return failure.New("CT is locked (%s)", lock)
	}
	return nil
}

// unlock removes the lock property.
func unlock(c *call) error {
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if conf.Values["lock"] == "" {
			return failure.New("no lock found trying to remove any lock")
		}
		conf.Delete("lock")
		return c.cluster.Write(c.id, conf)
	})
}
