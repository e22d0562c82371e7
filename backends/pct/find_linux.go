package pct

import (
	"maps"
	"slices"
	"strconv"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing"
)

var (
	_ enclosing.Finder = (*Enclosure)(nil)
	_ enclosing.Naming = (*Enclosure)(nil)
)

// Named takes every VMID: the range may have been another one (pct(1)). Whose CT it
// is the CT says.
func (*Enclosure) Named(_ *backends.Container, name string) bool {
	vmid, err := strconv.Atoi(name)
	return err == nil && vmid >= 100 && vmid <= 999999999 && strconv.Itoa(vmid) == name
}

// Find knows a CT of berth's range by its signs, without a record.
func (e *Enclosure) Find(c *backends.Container, d *enclosing.Data) error {
	if !OnProxmox() {
		return nil
	}
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
