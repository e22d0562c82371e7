//go:build linux

package command

import (
	"os"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// addRefused adds the commands that need storages that the stand-in lacks. They fail as PVE's do
// for a directory of the host.
func addRefused() {
	object := func(names ...string) schema.Object {
		o := schema.Object{}
		for _, name := range names {
			o[name] = text()
		}
		return o
	}
	add := func(name string, positionals []string, options schema.Object, front func(*call) error) {
		commands[name] = &definition{positionals: append([]string{"vmid"}, positionals...), options: of(options), front: front}
	}
	add("clone", []string{"newid"}, schema.Object{
		"newid": vmid(), "hostname": format("dns-name"), "description": optional(text()), "full": boolean(),
		"pool": format("pve-poolid"), "snapname": optional(snapname()), "storage": format("pve-storage-id"),
		"target": format("pve-node"), "bwlimit": number(0),
	}, clone)
	add("migrate", []string{"target"}, schema.Object{
		"target": {Type: schema.String, Format: "pve-node"}, "online": boolean(), "restart": boolean(),
		"timeout": number(0), "target-storage": optional(text()), "bwlimit": number(0),
	}, migrate)
	add("remote-migrate", []string{"target-vmid", "target-endpoint"},
		object("target-endpoint", "target-storage", "target-bridge").With(schema.Object{"target-vmid": vmid()}), noVolume)
	add("resize", []string{"disk", "size"}, object("disk", "size"), noVolume)
	add("move-volume", []string{"volume"}, schema.Object{
		"volume": text(), "storage": format("pve-storage-id"), "target-vmid": optional(vmid()),
		"target-volume": optional(text()), "delete": boolean(), "digest": optional(text()), "bwlimit": number(0),
	}, noVolume)
	add("template", nil, nil, template)
	add("fsck", nil, schema.Object{"force": boolean(), "device": optional(text())}, fsck)
	add("fstrim", nil, schema.Object{"ignore-mountpoints": boolean()}, fstrim)
	commands["rescan"] = &definition{
		options: schema.Object{"vmid": optional(vmid()), "dryrun": boolean()}, front: rescan,
	}
}

// unlocked loads a configuration and fails if it has a lock.
func (c *call) unlocked() (*ctconf.Config, error) {
	conf, err := c.load()
	if err != nil {
		return nil, err
	}
	return conf, checkLock(conf)
}

func clone(c *call) error {
	if err := c.cluster.CheckUnused(c.values["newid"]); err != nil {
		return err
	}
	conf, err := c.unlocked()
	if err != nil {
		return err
	}
	mounts, err := conf.Mounts()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		return failure.New("unable to clone mountpoint '%s' (type %s)", m.Key, m.Kind())
	}
	return failure.New("missing 'rootfs' configuration")
}

func migrate(c *call) error {
	target := c.values["target"]
	if target == c.host.Node {
		return schema.Invalid(schema.Errors{"target": "target is local node."})
	}
	if !c.cluster.HasNode(target) {
		return failure.New("no such cluster node '%s'", target)
	}
	conf, err := c.unlocked()
	if err != nil {
		return err
	}
	if c.running() && !c.flag("online") && !c.flag("restart") {
		return failure.New("can't migrate running container without --online or --restart")
	}
	mounts, err := conf.Mounts()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if m.Parts["shared"] != "1" {
			return failure.New("cannot migrate local %s mount point '%s'", m.Kind(), m.Key)
		}
	}
	return failure.New("migration aborted: the stand-in does not migrate")
}

// noVolume fails a command that works on a storage's volume.
func noVolume(c *call) error {
	conf, err := c.unlocked()
	if err != nil {
		return err
	}
	key := c.values["disk"] + c.values["volume"]
	if key == "" {
		key = "rootfs"
	}
	value, ok := conf.Get(key)
	if !ok {
		return failure.New("'%s' does not exist in the configuration of CT %s", key, c.id)
	}
	m, err := ctconf.ParseMount(key, value)
	if err != nil {
		return err
	}
	return failure.New("unable to parse volume ID '%s'", m.Volume)
}

func template(c *call) error {
	conf, err := c.unlocked()
	if err != nil {
		return err
	}
	switch {
	case conf.True("template"):
		return failure.New("you can't convert a template to a template")
	case c.running():
		return failure.New("you can't convert a CT to template if the CT is running")
	}
	return noVolume(c)
}

func fsck(c *call) error {
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		device := c.values["device"]
		if device == "" {
			device = "rootfs"
		}
		value, ok := conf.Get(device)
		switch {
		case !ok:
			return failure.New("cannot run command on non-existing mount point %s", device)
		case c.running():
			return failure.New("cannot run fsck when container is running")
		}
		m, err := ctconf.ParseMount(device, value)
		if err != nil {
			return err
		}
		return failure.New("path '%s' does not point to a block device", m.Volume)
	})
}

// fstrim does nothing: it skips bind mounts, and the stand-in has no other mounts.
func fstrim(c *call) error {
	_, err := c.unlocked()
	return err
}

func rescan(c *call) error {
	if c.flag("dryrun") {
		c.say("NOTE: running in dry-run mode, won't write changes out!")
	}
	c.say("rescan volumes...")
	return nil
}

func cpusets(c *call) error {
	ids, err := c.cluster.Local()
	if err != nil {
		return err
	}
	found := false
	running := lxc.Running(c.host)
	for _, id := range ids {
		list, err := os.ReadFile("/sys/fs/cgroup/lxc/" + id + "/cpuset.cpus.effective")
		if running[id] && err == nil {
			found = true
			c.say("%s: %s", id, string(list))
		}
	}
	if !found {
		c.say("no running containers")
	}
	return nil
}
