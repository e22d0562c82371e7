//go:build linux

package command

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/lxc"
)

// df prints the usage of each volume's file system. The real pct mounts the volumes of a stopped CT
// for this.
func df(c *call) error {
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		pid, err := lxc.InitPID(c.host, c.id)
		if err != nil {
			return failure.New("the stand-in does not mount a stopped CT")
		}
		return c.printUse(&conf.Section, fmt.Sprintf("/proc/%d/root", pid))
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
