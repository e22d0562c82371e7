package pct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

var _ enclosure.Adjuster = (*Enclosure)(nil)

// Adjust changes the limits of the container that Proxmox VE shows: memory, swap, CPU limit and CPU
// weight. It does not call pct if none of them differs. It fails with os.ErrProcessDone if the CT
// is not the container's any more.
func (e *Enclosure) Adjust(ctx context.Context, c *backends.Container, d *enclosure.Data, now, before *specs.LinuxResources) error {
	vmid, err := vmidOf(c, d)
	if err != nil {
		return err
	}
	o := changes(vmid, now, before)
	if o.empty() {
		return nil
	}
	ct, err := e.cluster.Read(vmid)
	if err != nil {
		return err
	}
	if kin := ct.judge(c, claims(d, vmid)); kin != own && kin != burdened {
		return fmt.Errorf("CT %d is not container %q any more: %w", vmid, c.ID, os.ErrProcessDone)
	}
	if err := e.client(c).Set(ctx, o); err != nil {
		return err
	}
	if o.Memory == nil || now.Unified["memory.high"] != "" {
		return nil
	}
	// With the memory limit Proxmox VE also sets memory.high below it. From there on the kernel
	// slows the container down, which the OCI config does not ask for.
	const high = "memory.high"
	limits, err := d.OpenLimits()
	if err == nil {
		defer limits.Close()
		err = limits.Write(high, "max")
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, cgroup.ErrGone) {
		return fmt.Errorf("take back the limit that Proxmox VE has set below the memory limit: %s: %w",
			filepath.Join(cgroup.Mount, d.Limits, high), err)
	}
	return nil
}

// changes returns the differences between now and before, in Proxmox VE's units.
func changes(vmid int, now, before *specs.LinuxResources) *SetOptions {
	o := &SetOptions{VMID: vmid}
	ram, swap := memory(now)
	oldRAM, oldSwap := memory(before)
	if ram != oldRAM {
		o.Memory = &ram
	}
	if swap != oldSwap {
		o.Swap = &swap
	}
	if limit := cpuLimit(now); limit != cpuLimit(before) {
		o.CPULimit = &limit
	}
	if units := cpuUnits(now); units != 0 && units != cpuUnits(before) {
		o.CPUUnits = &units
	}
	return o
}
