//go:build linux

package command

import (
	"fmt"
	"strings"

	"github.com/berth-oci/berth/integration/pve/lxc"
)

func statusWord(running bool) string {
	if running {
		return "running"
	}
	return "stopped"
}

// list prints this node's containers. Without containers it prints nothing.
func list(c *call) error {
	ids, err := c.cluster.Local()
	if err != nil || len(ids) == 0 {
		return err
	}
	running := lxc.Running(c.host)
	const row = "%-10s %-10s %-12s %-20s\n"
	fmt.Fprintf(c.stdout, row, "VMID", "Status", "Lock", "Name")
	for _, id := range ids {
		conf, err := c.loadOf(id)
		if err != nil {
			continue // deleted since
		}
		name := strings.ReplaceAll(conf.Or("hostname", "CT"+id), " ", "")
		fmt.Fprintf(c.stdout, row, id, statusWord(running[id]), conf.Values["lock"], name)
	}
	return nil
}
