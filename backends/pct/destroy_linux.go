package pct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// DestroyEnclosure destroys the CT if it still exists and is still the container's, and removes the
// container's cgroup. A CT that is somebody else's by now is left alone. It fails with ErrVolume if
// somebody has added a volume on a storage to the CT.
func (e *Enclosure) DestroyEnclosure(ctx context.Context, c *backends.Container, d *enclosure.Data) error {
	if d.Name == "" {
		return nil
	}
	vmid, err := vmidOf(c, d)
	if err != nil {
		return err
	}
	ct, err := e.cluster.Read(vmid)
	if err != nil {
		return err
	}
	says := claims(d, vmid)
	kin := ct.judge(c, says)
	if kin == burdened {
		return ct.errVolume(vmid)
	}
	if kin != own {
		// Somebody destroyed the CT in Proxmox VE, or it was never created. The VMID may be another
		// CT's by now. If the cluster file system is down, neither is known, and reading the VMIDs
		// fails.
		used, err := e.cluster.IDs()
		if err != nil {
			return err
		}
		if !used[vmid] {
			removeTraces(vmid)
		} else if kin != stranger {
			logrus.Warnf("CT %d is left alone: %s", vmid, ct.lacks(c, kin))
		}
		return removeCgroup(d)
	}
	limit := naturalEnd
	if !c.Process.Alive() || c.Process.Ending() {
		limit /= 2 // LXC has noticed the end of its init, or hangs
	}
	if err := endMonitor(ctx, d, limit); err != nil {
		return err
	}
	if err := e.destroy(ctx, c, vmid, says); err != nil {
		// The CT may have to stay for a while. The cgroup that config.json names need not.
		return errors.Join(err, removeCgroup(d))
	}
	if d.StubInit.Pid == 0 {
		forgetFailure(ctx, vmid)
	}
	return removeCgroup(d)
}

// forgetFailure removes the CT's unit from systemd's list of failed units. The unit stays there if
// the CT could not be started. Errors are ignored, because nothing depends on it.
func forgetFailure(ctx context.Context, vmid int) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "systemctl", "--quiet", "reset-failed", fmt.Sprintf("pve-container@%d.service", vmid)).Run()
}

// naturalEnd is how long a monitor may take to end by itself. Proxmox VE's hooks, which it runs,
// are in Perl.
const naturalEnd = 5 * time.Second

// endMonitor waits until the monitor has ended: LXC notices the end of the container by itself, and
// pct could only kill it. It waits up to 10 s for the stub init and then for the monitor, and
// leaves the rest to pct destroy.
//
// If the record names no monitor, the monitor has not started the stub init yet. It may then hang
// because its init ended too early. endMonitor kills it after limit.
func endMonitor(ctx context.Context, d *enclosure.Data, limit time.Duration) error {
	const patience = 10 * time.Second
	if d.Monitor.Pid != 0 {
		if d.StubInit.WaitGone(ctx, patience) == nil {
			_ = d.Monitor.WaitGone(ctx, patience)
		}
		return nil
	}
	monitor, err := cgroup.Open(monitorCgroup(d.Name))
	if errors.Is(err, cgroup.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer monitor.Close()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		pids, err := monitor.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return monitor.Kill()
		}
	}
}

// destroy destroys the container's CT. It is the only place where berth calls pct destroy for a
// container's CT. It does so only while it holds the lock on the CT's configuration and has seen
// that the CT is the container's and has no volume on a storage.
func (e *Enclosure) destroy(ctx context.Context, c *backends.Container, vmid int, says claim) error {
	client := e.client(c)
	var ct *CT
	still := func() (err error) {
		ct, err = e.mine(c, vmid, says)
		return err
	}
	client.guard = func(ctx context.Context, args []string) (*guard, error) {
		return e.cluster.guard(ctx, vmid, args, still)
	}
	if err := still(); err != nil {
		return gone(err)
	}
	if ct.Lock != "" {
		// A pct was killed half way, and nobody else removes the lock that it left.
		if err := client.Unlock(ctx, vmid); gone(err) != nil {
			return err
		}
	}
	err := client.Destroy(ctx, vmid, false)
	if errors.Is(err, ErrRunning) {
		err = client.Destroy(ctx, vmid, true)
	}
	if gone(err) != nil {
		return err
	}
	removeTraces(vmid)
	return nil
}

// mine returns the configuration of a CT that berth may destroy now. It fails with ErrNotFound if
// there is no such CT, with ErrLocked or ErrProtected if Proxmox VE keeps it, with ErrVolume if it
// has a volume on a storage, and with errAnother if it is not the container's.
func (e *Enclosure) mine(c *backends.Container, vmid int, says claim) (*CT, error) {
	ct, err := e.cluster.Read(vmid)
	if err != nil {
		return nil, err
	}
	if ct == nil {
		return nil, fmt.Errorf("CT %d: %w", vmid, ErrNotFound)
	}
	switch ct.judge(c, says) {
	case own:
		return ct, ct.errLocked(vmid)
	case burdened:
		return nil, ct.errVolume(vmid)
	}
	return nil, fmt.Errorf("CT %d: %w", vmid, errAnother)
}

// errAnother is returned for a CT that is not the container's any more.
var errAnother = errors.New("it is not the container's any more, and is left alone")

// gone returns nil if err says that the CT does not exist, else err.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// removeTraces removes what pct destroy leaves: empty directories, LXC's lock file, and the
// cgroups, which LXC cannot remove while the container's process is in them.
func removeTraces(vmid int) {
	name := strconv.Itoa(vmid)
	dir := filepath.Join("/var/lib/lxc", name)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		_ = os.Remove(filepath.Join(dir, e.Name()))
	}
	_ = os.Remove(dir)
	_ = os.Remove(filepath.Join("/run/lxc/lock/var/lib/lxc", "."+name))
	for _, path := range []string{ownCgroup(name), monitorCgroup(name)} {
		trim(path)
	}
}

// trim removes an empty cgroup. It retries for a second, because the kernel may count a process to
// the cgroup for a moment longer than the process is visible.
func trim(path string) {
	g, err := cgroup.Open(path)
	if err != nil {
		return
	}
	defer g.Close()
	_ = g.Withdraw(time.Second)
}
