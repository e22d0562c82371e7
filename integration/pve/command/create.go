//go:build linux

package command

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/task"
	"github.com/berth-oci/berth/integration/pve/volume"
)

var (
	plainSize = regexp.MustCompile(`^\d+(\.\d+)?$`)
	mountKey  = regexp.MustCompile(`^(rootfs|mp\d+)$`)
)

// notConfig lists create's parameters that are not configuration keys.
var notConfig = []string{
	"vmid", "ostemplate", "password", "storage", "force", "restore", "unique", "pool", "ignore-unpack-errors",
	"ssh-public-keys", "bwlimit", "start", "ha-managed",
}

// prepareCreate does everything that comes before the worker: it runs the checks and claims the ID
// with a configuration that contains only `lock: create`. If pct is killed after that, this
// configuration is left behind.
func prepareCreate(c *call) error {
	if err := c.cluster.CheckQuorum(); err != nil {
		return err
	}
	if err := c.cluster.CheckUnused(c.id); err != nil {
		return err
	}
	return c.claim(func() error {
		claim := ctconf.New()
		claim.Set("lock", "create")
		return c.cluster.Create(c.id, claim)
	})
}

// claim checks the remaining parameters and writes the claim.
func (c *call) claim(write func() error) error {
	if pool, ok := c.values["pool"]; ok {
		if err := c.cluster.CheckPool(pool); err != nil {
			return err
		}
	}
	if err := c.checkTemplateKind(); err != nil {
		return err
	}
	mounts, err := c.createMounts()
	if err != nil {
		return err
	}
	if err := c.checkStorages(mounts); err != nil {
		return err
	}
	if err := change(c, ctconf.New(), c.createKeys(), nil, nil, false); err != nil {
		return err
	}
	if err := c.cluster.WithCreateLock(c.id, c.stderr, write); err != nil {
		return c.cannotCreate(err)
	}
	host.Spend(c.host.Settings.PauseAfterLock)
	return nil
}

func (c *call) cannotCreate(err error) error {
	what := "create"
	if c.restores {
		what = "restore"
	}
	return &failure.Failure{
		Message: fmt.Sprintf("unable to %s CT %s - %s", what, c.id, failure.Line(err)), Status: failure.Status(err),
	}
}

// checkTemplateKind refuses a name that cannot be a template's.
func (c *call) checkTemplateKind() error {
	template := c.values["ostemplate"]
	if template == "-" {
		return failure.New("pipe can only be used with restore tasks")
	}
	content := "vztmpl"
	if c.restores {
		content = "backup"
	}
	if _, name, ok := volume.Split(template); ok && !strings.HasPrefix(name, content+"/") {
		return failure.New("unable to use volume %s - content type needs to be '%s'", template, content)
	}
	return nil
}

// createMounts returns the requested volumes. A plain number is a size on the default storage.
func (c *call) createMounts() (map[string]string, error) {
	mounts := map[string]string{}
	for key, value := range c.values {
		if !mountKey.MatchString(key) {
			continue
		}
		if plainSize.MatchString(value) {
			value = c.defaultStorage() + ":" + value
		}
		mounts[key] = value
	}
	if _, ok := mounts["rootfs"]; !ok && len(mounts) > 0 {
		return nil, failure.New("mount points configured, but 'rootfs' not set - aborting")
	}
	return mounts, nil
}

func (c *call) defaultStorage() string {
	if storage, ok := c.values["storage"]; ok {
		return storage
	}
	return "local"
}

func (c *call) checkStorages(mounts map[string]string) error {
	if len(mounts) == 0 {
		return volume.CheckRootDir(c.host, c.defaultStorage())
	}
	for key, value := range mounts {
		m, err := ctconf.ParseMount(key, value)
		if err != nil {
			return err
		}
		if m.Kind() != ctconf.Volume {
			continue
		}
		storage, _, ok := volume.Split(m.Volume)
		if !ok {
			return failure.New("unable to parse volume ID '%s'", m.Volume)
		}
		if err := volume.CheckRootDir(c.host, storage); err != nil {
			return err
		}
	}
	return nil
}

// createKeys returns the requested configuration keys, without volumes and without unprivileged,
// which build sets.
func (c *call) createKeys() map[string]string {
	keys := map[string]string{}
	for key, value := range c.values {
		switch {
		case mountKey.MatchString(key) || key == "unprivileged":
		case strings.HasPrefix(key, "unused"):
			c.warn("ignoring '%s', cannot create/restore with unused volume", key)
		default:
			keys[key] = value
		}
	}
	for _, key := range notConfig {
		delete(keys, key)
	}
	return keys
}

// create is the worker half of create. It continues if its front is killed, and cleans up if it is
// interrupted.
func create(c *call) error {
	host.Spend(c.host.Settings.Latency.Create)
	err := c.locked(func() error {
		err := c.build()
		if err != nil {
			if removal := c.cluster.Remove(c.id); removal != nil {
				c.warn("%s", removal)
			}
			return c.cannotCreate(err)
		}
		return nil
	})
	if err == nil && c.flag("start") {
		if err := checkStart(c); err != nil {
			return err
		}
		return start(c)
	}
	return err
}

func (c *call) build() (err error) {
	conf := ctconf.New()
	if err := change(c, conf, c.createKeys(), nil, nil, false); err != nil {
		return err
	}
	if value, given := c.values["unprivileged"]; !given || value == "1" {
		conf.Set("unprivileged", "1")
	}
	mounts, err := c.createMounts()
	if err != nil {
		return err
	}
	if err := c.recoverMounts(mounts); err != nil {
		return err
	}
	for key, value := range mounts {
		m, err := ctconf.ParseMount(key, value)
		if err != nil {
			return err
		}
		conf.Set(key, m.String())
	}
	disks, err := c.createDisks(conf)
	defer func() {
		if err != nil {
			c.freeDisks(disks)
		}
	}()
	if err != nil {
		return err
	}
	root, err := c.openRoot(conf)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := task.Interrupted(c); err != nil {
		return err
	}
	if err := c.extract(conf, root); err != nil {
		return err
	}
	if err := task.Interrupted(c); err != nil {
		return err
	}
	for key, value := range map[string]string{"hostname": "CT" + c.id, "memory": "512", "swap": "512"} {
		if _, ok := conf.Get(key); !ok {
			conf.Set(key, value)
		}
	}
	if err := c.cluster.Write(c.id, conf); err != nil {
		return err
	}
	if pool, ok := c.values["pool"]; ok {
		return c.cluster.AddToPool(c.id, pool)
	}
	return nil
}

// openRoot checks every volume and opens the root's directory, as mounting them would.
func (c *call) openRoot(conf *ctconf.Config) (*os.File, error) {
	mounts, err := conf.Mounts()
	if err == nil && len(mounts) == 0 {
		err = failure.New("unsupported storage: the stand-in makes no volumes, give --rootfs a directory")
	}
	var root *os.File
	for _, m := range mounts {
		var directory *os.File
		if directory, err = volume.Open(c.host, m); err != nil {
			break
		}
		if m.Key == "rootfs" {
			root = directory
		} else {
			_ = directory.Close()
		}
	}
	if err != nil {
		c.warn("mounting container failed")
		if root != nil {
			_ = root.Close()
		}
		return nil, err
	}
	return root, nil
}
