//go:build linux

package command

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/schema"
	"github.com/berth-oci/berth/integration/pve/volume"
)

// backupConfig is the path of the configuration in a vzdump archive.
const backupConfig = "./etc/vzdump/pct.conf"

// prepareRestore is the front half of restore. With --force it replaces an existing CT. Until then
// the CT keeps its configuration, with a lock.
func prepareRestore(c *call) error {
	c.restores = true
	if err := c.cluster.CheckQuorum(); err != nil {
		return err
	}
	if _, ok := c.values["restore"]; ok {
		return schema.Invalid(schema.Errors{"restore": "property is not defined in schema"})
	}
	if !c.flag("force") || !c.exists() {
		if err := c.cluster.CheckUnused(c.id); err != nil {
			return err
		}
	} else if c.running() {
		return failure.New("can't overwrite running container")
	}
	return c.claim(func() error {
		if !c.exists() {
			claim := ctconf.New()
			claim.Set("lock", "create")
			return c.cluster.Create(c.id, claim)
		}
		conf, err := c.load()
		if err != nil {
			return err
		}
		if err := checkLock(conf); err != nil {
			return err
		}
		conf.Set("lock", "create")
		return c.cluster.Write(c.id, conf)
	})
}

func (c *call) exists() bool {
	_, err := os.Stat(c.cluster.ConfigPath(c.id))
	return err == nil
}

// restore is the worker half of restore.
func restore(c *call) error {
	c.restores = true
	return create(c)
}

// backup reads the configuration in the archive.
func (c *call) backup() (*ctconf.Config, error) {
	archive := c.values["ostemplate"]
	file, err := volume.FindTemplate(c.host, archive)
	if err != nil {
		return nil, err
	}
	text, err := exec.CommandContext(c, "tar", "-xOf", file, backupConfig).Output()
	if err != nil {
		return nil, failure.New("command 'tar -xOf %s %s' failed: exit code 2", file, backupConfig)
	}
	return ctconf.Parse(c.id, string(text), func(line string) { c.say("%s", line) }), nil
}

// recoverMounts looks for the backup's volumes if the command line gives none. It fails for all of
// them, with PVE's message or with its own for volumes on a storage.
func (c *call) recoverMounts(mounts map[string]string) error {
	if !c.restores {
		return nil
	}
	c.say("recovering backed-up configuration from '%s'", c.values["ostemplate"])
	old, err := c.backup()
	if err != nil || len(mounts) > 0 {
		return err
	}
	list, err := old.Mounts()
	if err != nil {
		return err
	}
	for _, m := range list {
		switch {
		case m.Kind() == ctconf.Volume:
			return failure.New("unsupported storage: the stand-in restores to the volumes that it is told")
		case m.Key == "rootfs":
			return failure.New("restoring rootfs to bind mount is only possible by specifying -rootfs manually!")
		}
	}
	return failure.New("rootfs configuration could not be recovered, please check and specify manually!")
}

var notRestored = regexp.MustCompile(`^(rootfs|unprivileged|parent|lock|template|mp\d+|unused\d+)$`)

// mergeBackup takes the settings, including raw keys, that are in the backup's configuration and
// not on the command line.
func (c *call) mergeBackup(conf *ctconf.Config, root *os.File) error {
	c.say("merging backed-up and given configuration..")
	old, err := c.backup()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(old.Values)) {
		if _, given := conf.Get(key); !given && !notRestored.MatchString(key) {
			conf.Set(key, old.Values[key])
		}
	}
	if conf.Description == "" {
		conf.Description = old.Description
	}
	conf.Raw = append(conf.Raw, old.Raw...)
	return os.RemoveAll("/proc/self/fd/" + itoa(int(root.Fd())) + "/etc/vzdump")
}
