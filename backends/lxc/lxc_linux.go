// Package lxc is the backend that runs a container as a plain LXC container
// (LXC 5 or later), on any Linux host with cgroup v2.
package lxc

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxcconf"
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/spec"
)

// DefaultRoot is the usual state directory. The LXC names of containers in any other state
// directory end in a hash of that directory.
const DefaultRoot = "/run/berth"

// Enclosure implements enclosure.Tool with plain LXC containers.
type Enclosure struct{}

// New returns the lxc backend.
func New() backends.Backend { return enclosing.New(Enclosure{}) }

// Name returns "lxc".
func (Enclosure) Name() string { return "lxc" }

// Usable fails if lxc-start is missing, or if the host does not use cgroup v2 alone.
func (Enclosure) Usable() error {
	if _, err := lxcconf.Find("lxc-start"); err != nil {
		return err
	}
	return cgroup.CheckUnified()
}

// Check returns no problems: this backend can express every field.
func (Enclosure) Check(*specs.Spec) spec.Problems { return nil }

// Mounts returns no mounts.
func (Enclosure) Mounts(*specs.Spec) ([]specs.Mount, error) { return nil, nil }

// HostTree returns true: without a rootfs LXC leaves the host's tree in place.
func (Enclosure) HostTree() bool { return true }

// Name returns the container's name in LXC: its id after a prefix, which keeps it apart from the
// administrator's containers. Ids are unique only in one state directory, so names from directories
// other than DefaultRoot end in a hash of the directory.
func Name(c *backends.Container) string {
	name := "berth-" + label(c.ID)
	if space := space(c.Root); space != "" {
		name += mark + space
	}
	return name
}

// mark separates an id from what is added to it. No id contains it.
const mark = "@"

// label returns the id, changed if it contains "..", which LXC takes for a way upwards in the
// cgroup tree, or if it could be the name of an interface file in a cgroup's directory.
func label(id string) string {
	first, _, dotted := strings.Cut(id, ".")
	if !strings.Contains(id, "..") && (!dotted || !slices.Contains(interfaceFiles, first)) {
		return id
	}
	return strings.ReplaceAll(id, ".", "_") + fmt.Sprintf("%s%08x", mark, hash(id))
}

// interfaceFiles are the prefixes, up to the first dot, of the names of files in a cgroup: those of
// the core and of the controllers (cgroups(7), "Cgroups v2").
var interfaceFiles = []string{
	"cgroup", "cpu", "cpuset", "devices", "dmem", "freezer", "hugetlb", "io", "irq", "memory", "misc", "perf_event", "pids", "rdma",
}

// space returns the hash that names from this state directory end in; "" for DefaultRoot.
func space(root string) string {
	if root == DefaultRoot {
		return ""
	}
	return fmt.Sprintf("%08x", hash(root))
}

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// PlanCgroup chooses the container's name and the cgroup that config.json names, or a default one.
func (Enclosure) PlanCgroup(j *enclosure.Job) error {
	j.Data.Name = Name(j.Container)
	cgroup.WarmUp()
	p, err := cgroup.Find(j.CgroupsPath, cgroup.Default{Name: label(j.ID), Space: space(j.Root)}, j.SystemdCgroup)
	if err != nil {
		return err
	}
	j.Data.PlaceIn(p)
	return lxcconf.CheckCgroup(p.Path)
}

// StartEnclosure starts the container with lxc-start, which stays as the container's monitor. It
// returns when the stub init has reported, lxc-start has failed, or ctx is done.
func (e Enclosure) StartEnclosure(ctx context.Context, j *enclosure.Job) error {
	if err := errors.Join(lxcsocket.CheckHome(), lxcsocket.CheckFree(j.Data.Name)); err != nil {
		return fmt.Errorf("start LXC container %s: %w", j.Data.Name, err)
	}
	place, err := cgroup.At(j.Data.Limits, j.Data.Scope)
	if err != nil {
		return err
	}
	opened, err := place.Open(j.InitPid, j.Annotations)
	if err != nil {
		j.Data.Unclaim(err)
		return err
	}
	defer opened.Close()
	if err := lxcconf.LinkCgroup(j); err != nil {
		return err
	}
	config := configFile(j)
	if err := e.config(j).Write(config); err != nil {
		return err
	}
	words := startWords(j)
	cmd, err := lxcconf.Command(words[0], words[1:]...)
	if err != nil {
		return err
	}
	// The monitor outlives berth and keeps nothing of the caller's: it gets its own session. It
	// also gets its own mount namespace, because for a container without a rootfs LXC makes all
	// mounts that it sees slaves, and the host's mounts would stop propagating. An unmount on the
	// host still reaches a slave.
	//
	// The monitor starts in pivotCgroup. If berth is killed before it has saved the pid, the
	// monitor can be found by that cgroup.
	monitorCgroup, err := cgroup.Make(pivotCgroup(j.Data))
	if err != nil {
		return err
	}
	defer monitorCgroup.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS, UseCgroupFD: true, CgroupFD: int(monitorCgroup.Fd())}
	cmd.Dir = "/"
	// LXC prints some errors to stderr only, before it has opened its log.
	stderr, err := os.OpenFile(stderrFile(j.Container), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("start the LXC container: %w", err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	begin := time.Now()
	if err := startUnconfined(cmd); err != nil {
		return fmt.Errorf("start the LXC container: %w", backends.CannotStart(cmd.Path, err))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-j.Ready:
		backends.Called(words, begin, -1) // it keeps running
		return nil
	case err := <-ended:
		backends.Called(words, begin, cmd.ProcessState.ExitCode())
		if err == nil {
			err = errors.New("it ended at once")
		}
		return startError(j, err)
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-ended
		return startError(j, ctx.Err())
	}
}

// startError returns why LXC could not start the container, in LXC's own words.
func startError(j *enclosure.Job, err error) error {
	if reason := lxcconf.LogErrors(j.LogFile()); reason != "" {
		return fmt.Errorf("start LXC container %s: %w: %s", j.Data.Name, err, reason)
	}
	if said := lxcconf.Said(stderrFile(j.Container)); said != "" {
		return fmt.Errorf("start LXC container %s: %w: %s", j.Data.Name, err, said)
	}
	return fmt.Errorf("start LXC container %s: %w; LXC wrote nothing to %s", j.Data.Name, err, j.LogFile())
}

func stderrFile(c *backends.Container) string { return filepath.Join(c.Dir, "lxc.stderr") }

// configFile returns the path of LXC's configuration.
func configFile(j *enclosure.Job) string { return filepath.Join(j.Dir, "lxc.conf") }

func startWords(j *enclosure.Job) []string {
	return []string{"lxc-start", "-n", j.Data.Name, "-f", configFile(j), "-F"}
}

// Versions returns lxc-start with its version.
func (Enclosure) Versions() ([]backends.Tool, error) {
	tool, err := lxcconf.Version()
	if tool.Path == "" {
		return nil, err
	}
	return []backends.Tool{tool}, err
}

// Explain returns LXC's configuration and the command line of lxc-start.
func (e Enclosure) Explain(j *enclosure.Job) (backends.Explanation, error) {
	lines, err := e.config(j).Lines()
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	x.Add("LXC configuration "+configFile(j), lines...)
	x.Add("LXC", backends.Line{Text: backends.CommandLine(startWords(j)...)})
	return x, nil
}

func (Enclosure) config(j *enclosure.Job) *lxcconf.Config {
	c := &lxcconf.Config{}
	// Without a rootfs LXC leaves the container in the host's tree. From there the init process
	// moves it into its own root, to which LXC adds nothing.
	c.Set("lxc.autodev", "0")
	if j.OwnPIDs() {
		// LXC unmounts a procfs of another pid namespace.
		c.Set("lxc.mount.entry", "proc proc proc nosuid,nodev,noexec 0 0")
	}
	from := ""
	if j.CgroupsPath != "" {
		from = "linux.cgroupsPath"
	}
	c.From(from).Set("lxc.cgroup.dir.container", strings.TrimPrefix(j.Data.Cgroup, "/"))
	c.Set("lxc.cgroup.dir.monitor", monitorCgroup(j.Data))
	c.Set("lxc.cgroup.dir.monitor.pivot", pivotCgroup(j.Data))
	c.Set("lxc.apparmor.profile", "unconfined")
	if err := lxcconf.Inside(c, j, j.StubInitDir(), ""); err != nil {
		return lxcconf.Broken(err)
	}
	return c
}

// monitorCgroup is the monitor's cgroup. pivotCgroup is where the monitor is before it has made
// that cgroup and while it removes it.
func monitorCgroup(d *enclosure.Data) string { return "lxc.monitor." + d.Name }
func pivotCgroup(d *enclosure.Data) string   { return "lxc.pivot." + d.Name }

// DestroyEnclosure waits until LXC has cleaned up: LXC notices the end of the container by itself.
// Then it removes what LXC can no longer remove: the monitor's cgroups, with the monitor if it is
// still in them, and the container's cgroup.
func (e Enclosure) DestroyEnclosure(ctx context.Context, _ *backends.Container, d *enclosure.Data) error {
	if d.Name == "" {
		return nil
	}
	if err := e.endMonitor(ctx, d); err != nil {
		return err
	}
	// If berth was killed before it saved the monitor's pid, the monitor may still be moving from
	// one of these cgroups to the other and back.
	for _, path := range []string{pivotCgroup(d), monitorCgroup(d), pivotCgroup(d)} {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return lxcconf.RemoveCgroup(d)
}

func (Enclosure) endMonitor(ctx context.Context, d *enclosure.Data) error {
	const patience = 10 * time.Second
	// The stub init sees the process end and ends, and then LXC ends. If LXC does not end, both are
	// killed.
	_ = d.StubInit.WaitGone(ctx, patience)
	err := d.Monitor.WaitGone(ctx, patience)
	if err == nil {
		return nil
	}
	for _, p := range []backends.Process{d.StubInit, d.Monitor} {
		_ = p.Signal(unix.SIGKILL)
	}
	if err := d.Monitor.WaitGone(ctx, patience); err != nil {
		return fmt.Errorf("the monitor of LXC container %s: %w", d.Name, err)
	}
	return nil
}
