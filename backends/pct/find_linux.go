package pct

import (
	"maps"
	"slices"
	"strconv"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

var (
	_ enclosure.Finder = (*Enclosure)(nil)
	_ enclosure.Naming = (*Enclosure)(nil)
)

// Named accepts every VMID (pct(1)), because the range may have been another one when the CT was
// created. The CT itself tells whose it is.
func (*Enclosure) Named(_ *backends.Container, name string) bool {
	vmid, err := strconv.Atoi(name)
	return err == nil && vmid >= 100 && vmid <= 999999999 && strconv.Itoa(vmid) == name
}

// Find finds the container's CT among those in berth's range by its signs, without a record. It
// does nothing on a host that is not a Proxmox VE node.
func (e *Enclosure) Find(c *backends.Container, d *enclosure.Data) error {
	if !OnProxmox() {
		return nil
	}
	return e.search(c, d)
}

// search sets d.Name to the VMID of the container's CT if there is one.
func (e *Enclosure) search(c *backends.Container, d *enclosure.Data) error {
	used, err := e.cluster.IDs()
	if err != nil {
		return err
	}
	for _, vmid := range slices.Sorted(maps.Keys(used)) {
		if !e.inRange(vmid) {
			continue
		}
		ct, err := e.cluster.Read(vmid)
		if err != nil {
			return err
		}
		if ct.judge(c, unclaimed) == own {
			d.Name = strconv.Itoa(vmid)
			return nil
		}
	}
	return nil
}
