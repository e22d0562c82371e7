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
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
)

// Lower destroys the CT, if it is still there and still ours.
func (e *Enclosure) DestroyEnclosure(ctx context.Context, c *backends.Container, d *enclosing.Data) error {
	if d.Name == "" {
		return nil
	}
	vmid, err := strconv.Atoi(d.Name)
	if err != nil {
		return fmt.Errorf("state of container %q: VMID %q: %w", c.ID, d.Name, err)
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
		// Somebody destroyed it in Proxmox VE, or it was never made; unless
		// the cluster file system is not there to tell. The number may be
		// another CT's by now.
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
		limit /= 2 // LXC has noticed, or hangs
	}
	if err := endMonitor(ctx, d, limit); err != nil {
		return err
	}
	if err := e.destroy(ctx, c, vmid, says); err != nil {
		// The CT may have to stay for a while; a cgroup of config.json's need not.
		return errors.Join(err, removeCgroup(d))
	}
	if d.StubInit.Pid == 0 {
		forgetFailure(ctx, vmid)
	}
	return removeCgroup(d)
}

// forgetFailure takes the CT's unit off systemd's list of failed ones, where it
// stays when the CT could not be started. Nothing depends on it.
func forgetFailure(ctx context.Context, vmid int) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "systemctl", "--quiet", "reset-failed", fmt.Sprintf("pve-container@%d.service", vmid)).Run()
}

// naturalEnd is how long a monitor may take to end by itself, with Proxmox VE's hooks in
// Perl.
const naturalEnd = 5 * time.Second

// endMonitor waits for LXC, which notices the end of the container by itself;
// pct could only kill. A monitor that has not got as far as to start the stub init
// may hang, its init having ended too early, and is killed after the limit.
func endMonitor(ctx context.Context, d *enclosing.Data, limit time.Duration) error {
	const patience = 10 * time.Second
	if d.Monitor.Pid != 0 {
		if enclosing.WaitGone(ctx, d.StubInit, patience) == nil {
			_ = enclosing.WaitGone(ctx, d.Monitor, patience)
		}
		return nil
	}
	monitor := "/lxc.monitor/" + d.Name
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		pids, err := cgroup.Processes(monitor)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return cgroup.Kill(monitor)
		}
	}
}

// destroy destroys a container's CT. Here alone berth has pct destroy one, and only
// while it holds the CT's lock and has seen that the CT is the container's and has no
// volume on a storage.
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
		// pct was killed half way, and nobody else unlocks what it has left.
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

// mine reads a CT that berth may destroy now.
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

// errAnother is of a CT that is not the container's any more.
var errAnother = errors.New("it is not the container's any more, and is left alone")

// gone drops the error of a CT that is not there.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// removeTraces removes the empty directories that pct destroy leaves, LXC's
// lock file, and the cgroup, which LXC cannot remove while the container's
// process is in it.
func removeTraces(vmid int) {
	name := strconv.Itoa(vmid)
	dir := filepath.Join("/var/lib/lxc", name)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		_ = os.Remove(filepath.Join(dir, e.Name()))
	}
	_ = os.Remove(dir)
	_ = os.Remove(filepath.Join("/run/lxc/lock/var/lib/lxc", "."+name))
	for _, path := range []string{"/lxc/" + name + "/ns", "/lxc/" + name, "/lxc.monitor/" + name} {
		trim(path)
	}
}

// trim removes an empty cgroup. The kernel may count a process to it for a
// moment longer than the process is seen.
func trim(path string) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Rmdir(filepath.Join(cgroup.Mount, path))
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return
		}
	}
}
