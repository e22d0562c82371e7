//go:build linux

package command

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/volume"
)

func (c *call) rootDirectory() string { return filepath.Join(c.host.LXCPath(), c.id, "rootfs") }

// mountLocked sets the lock "mounted" and mounts the volumes on the host.
func (c *call) mountLocked() (*ctconf.Config, error) {
	conf, err := c.load()
	if err != nil {
		return nil, err
	}
	if err := checkLock(conf); err != nil {
		return nil, err
	}
	conf.Set("lock", "mounted")
	if err := c.cluster.Write(c.id, conf); err != nil {
		return nil, err
	}
	if err := volume.MountAll(c.host, &conf.Section, c.rootDirectory()); err != nil {
		c.warn("mounting container failed")
		volume.UnmountAll(c.rootDirectory())
		return nil, err
	}
	return conf, nil
}

func mount(c *call) error {
	err := c.locked(func() error {
		_, err := c.mountLocked()
		return err
	})
	if err == nil {
		c.say("mounted CT %s in '/var/lib/lxc/%s/rootfs'", c.id, c.id)
	}
	return err
}

func unmount(c *call) error {
	return c.locked(func() error {
		if _, err := c.load(); err != nil {
			return err
		}
		volume.UnmountAll(c.rootDirectory())
		return c.removeLock("mounted")
	})
}

// df prints the usage of each volume's file system. A stopped container is mounted for this.
func df(c *call) error {
	return c.locked(func() error {
		root := c.rootDirectory()
		conf, err := c.load()
		if err != nil {
			return err
		}
		if pid, err := lxc.InitPID(c.host, c.id); err == nil {
			root = fmt.Sprintf("/proc/%d/root", pid)
		} else {
			if conf, err = c.mountLocked(); err != nil {
				return err
			}
			defer func() {
				volume.UnmountAll(c.rootDirectory())
				_ = c.removeLock("mounted")
			}()
		}
		return c.printUse(&conf.Section, root)
	})
}

func (c *call) printUse(conf *ctconf.Section, root string) error {
	mounts, err := conf.Mounts()
	if err != nil {
		return err
	}
	rows := [][7]string{{"MP", "Volume", "Size", "Used", "Avail", "Use%", "Path"}}
	for _, m := range mounts {
		var fs unix.Statfs_t
		if err := unix.Statfs(filepath.Join(root, m.Target), &fs); err != nil {
			return fmt.Errorf("df %s: %w", m.Key, err)
		}
		block := float64(fs.Bsize)
		total, used, free := float64(fs.Blocks)*block, float64(fs.Blocks-fs.Bfree)*block, float64(fs.Bavail)*block
		share := "nan"
		if total > 0 {
			share = fmt.Sprintf("%.1f", 100*used/total)
		}
		rows = append(rows, [7]string{m.Key, m.Volume, human(total), human(used), human(free), share, m.Target})
	}
	var width [6]int
	for _, row := range rows {
		for i := range width {
			width[i] = max(width[i], len(row[i]))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i := range width {
			sign := width[i]
			if i < 2 {
				sign = -sign
			}
			fmt.Fprintf(&line, "%*s ", sign, row[i])
		}
		c.say("%s%s", line.String(), row[6])
	}
	return nil
}

func human(size float64) string {
	if size < 1024 {
		return fmt.Sprint(size)
	}
	units := "KMGT"
	for _, unit := range units {
		size /= 1024
		if size < 1024 || unit == 'T' {
			return fmt.Sprintf("%.1f%c", size, unit)
		}
	}
	return ""
}
