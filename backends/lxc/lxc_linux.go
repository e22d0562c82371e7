// Package lxc is the backend that runs a container as a plain LXC container
// (LXC 5 or later), on any Linux host with cgroup v2.
package lxc

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
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
	"github.com/berth-oci/berth/backends/lxcsocket"
	"github.com/berth-oci/berth/spec"
)

// DefaultRoot is the state directory whose containers bear their plain id as
// LXC's name.
const DefaultRoot = "/run/berth"

// Enclosure makes plain LXC containers.
type Enclosure struct{}

// New is the lxc backend.
func New() backends.Backend { return enclosing.Backend{Enclosure: Enclosure{}} }

// Name is "lxc".
func (Enclosure) Name() string { return "lxc" }

// Usable wants lxc-start and cgroup v2.
func (Enclosure) Usable() error {
	if _, err := find("lxc-start"); err != nil {
		return err
	}
	return cgroup.CheckUnified()
}

// Check refuses nothing of its own.
func (Enclosure) Check(*specs.Spec) spec.Problems { return nil }

// Mounts adds none.
func (Enclosure) Mounts(*specs.Spec) ([]specs.Mount, error) { return nil, nil }

// HostTree is true: without a rootfs LXC leaves the host's tree in place.
func (Enclosure) HostTree() bool { return true }

// Name of a container for LXC: its id, behind a prefix that keeps it apart from
// the administrator's own containers. Ids are unique in a state directory only,
// so those of other directories have a suffix made from it.
func Name(c *backends.Container) string {
	name := "berth-" + label(c.ID)
	if space := space(c.Root); space != "" {
		name += mark + space
	}
	return name
}

// mark is before what is added to an id; no id has it.
const mark = "@"

// label is an id that LXC does not take for a way upwards in the cgroups, and that
// the kernel has no file for in a cgroup's directory.
func label(id string) string {
	first, _, dotted := strings.Cut(id, ".")
	if !strings.Contains(id, "..") && (!dotted || !slices.Contains(interfaceFiles, first)) {
		return id
	}
	return strings.ReplaceAll(id, ".", "_") + fmt.Sprintf("%s%08x", mark, hash(id))
}

// interfaceFiles are what the names of the files in a cgroup begin with, up to a
// dot: the core's and the controllers' (cgroups(7), "Cgroups v2").
var interfaceFiles = []string{
	"cgroup", "cpu", "cpuset", "devices", "dmem", "freezer", "hugetlb", "io", "irq", "memory", "misc", "perf_event", "pids", "rdma",
}

// space is what names of containers in a state directory have more than those in
// the usual one.
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

// Place takes the cgroup that config.json names.
func (Enclosure) PlanCgroup(j *enclosing.Job) error {
	j.Data.Name = Name(j.Container)
	cgroup.WarmUp()
	p, err := cgroup.Find(j.CgroupsPath, cgroup.Default{Name: label(j.ID), Space: space(j.Root)}, j.SystemdCgroup)
	if err != nil {
		return err
	}
	j.Data.Cgroup, j.Data.Limits, j.Data.Scope = p.Path, p.Limits, p.Scoped()
	return CheckCgroup(p.Path)
}

// CheckCgroup refuses what LXC would take for a way upwards, and what it would not
// read from its config as it is written there: it takes away blanks and quotes around
// a value.
func CheckCgroup(path string) error {
	if strings.Contains(path, "..") {
		return spec.Fieldf("linux.cgroupsPath", "%q holds two dots in a row, which LXC refuses", path)
	}
	if value := strings.TrimPrefix(path, "/"); value != strings.Trim(value, " \t\"'") {
		return spec.Fieldf("linux.cgroupsPath", "%q begins or ends with a blank or a quote, which LXC would take away", path)
	}
	return nil
}

// Raise starts the container with lxc-start, whose monitor stays.
func (e Enclosure) StartEnclosure(ctx context.Context, j *enclosing.Job) error {
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
	if err := LinkCgroup(j); err != nil {
		return err
	}
	config := configFile(j)
	if err := e.config(j).Write(config); err != nil {
		return err
	}
	words := startWords(j)
	cmd, err := command(words[0], words[1:]...)
	if err != nil {
		return err
	}
	// The monitor is nobody's child when berth has ended, and holds nothing
	// of the caller's. It has its own view of the mounts because LXC, of a
	// container without a rootfs, makes all mounts that it sees slaves: the
	// host's would not propagate any more. Unmounting on the host does reach
	// a slave.
	// And it is born in a cgroup by which it is found from its first moment on,
	// should berth be killed before it has noted the pid.
	monitorCgroup, err := cgroup.Make(pivotCgroup(j.Data))
	if err != nil {
		return err
	}
	defer monitorCgroup.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS, UseCgroupFD: true, CgroupFD: int(monitorCgroup.Fd())}
	cmd.Dir = "/"
	// Some errors LXC only prints, before it has opened its log.
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
		backends.Called(words, begin, -1) // it runs on
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

// configFile is what LXC is given to read.
func configFile(j *enclosing.Job) string { return filepath.Join(j.Dir, "lxc.conf") }

func startWords(j *enclosing.Job) []string {
	return []string{"lxc-start", "-n", j.Data.Name, "-f", configFile(j), "-F"}
}

// Explain gives LXC's configuration and how LXC is started.
func (e Enclosure) Explain(j *enclosing.Job) (backends.Explanation, error) {
	lines, err := e.config(j).Lines()
	if err != nil {
		return nil, err
	}
	var x backends.Explanation
	x.Add("LXC configuration "+configFile(j), lines...)
	x.Add("LXC", backends.Line{Text: backends.CommandLine(startWords(j)...)})
	return x, nil
}

func (Enclosure) config(j *enclosing.Job) *Config {
	c := &Config{}
	// No rootfs: LXC leaves the container the host's tree, from which the
	// init process moves it into its own root. Nothing of LXC's gets into that.
	c.Set("lxc.autodev", "0")
	if j.OwnPIDs() {
		// LXC unmounts a procfs that is not of the pid namespace.
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
	if err := Inside(c, j, j.StubInitDir(), ""); err != nil {
		c.fail(err)
	}
	return c
}

// The monitor is in a cgroup of its own; before it has made that and when it
// removes it, it is in another.
func monitorCgroup(d *enclosing.Data) string { return "lxc.monitor." + d.Name }
func pivotCgroup(d *enclosing.Data) string   { return "lxc.pivot." + d.Name }

// Lower waits for LXC to have cleaned up behind the container, whose end it
// has noticed by itself, and does it where LXC cannot any more.
func (e Enclosure) DestroyEnclosure(ctx context.Context, _ *backends.Container, d *enclosing.Data) error {
	if d.Name == "" {
		return nil
	}
	if err := e.endMonitor(ctx, d); err != nil {
		return err
	}
	// One that berth did not live to note may still be on its way from the one
	// to the other and back.
	for _, path := range []string{pivotCgroup(d), monitorCgroup(d), pivotCgroup(d)} {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return RemoveCgroup(d)
}

// RemoveCgroup removes the cgroup that cgroup.Find has found for a container.
func RemoveCgroup(d *enclosing.Data) error {
	defer cgroup.TrimDefault(d.Limits)
	own := d.Cgrouped()
	if !own && (d.LimitsID != 0 || !d.Claimed) {
		// Gone, or never made; what bears its name is another container's.
		if d.Scope && d.LimitsID != 0 {
			cgroup.ForgetScope(d.Limits)
		}
		return nil
	}
	place, err := cgroup.At(d.Limits, d.Scope)
	if err != nil {
		return err
	}
	if !own {
		return place.Withdraw()
	}
	return place.Remove()
}

func (Enclosure) endMonitor(ctx context.Context, d *enclosing.Data) error {
	const patience = 10 * time.Second
	// The stub init has seen the process end; should it hang, LXC is told.
	_ = enclosing.WaitGone(ctx, d.StubInit, patience)
	err := enclosing.WaitGone(ctx, d.Monitor, patience)
	if err == nil {
		return nil
	}
	for _, p := range []backends.Process{d.StubInit, d.Monitor} {
		_ = p.Signal(unix.SIGKILL)
	}
	if err := enclosing.WaitGone(ctx, d.Monitor, patience); err != nil {
		return fmt.Errorf("the monitor of LXC container %s: %w", d.Name, err)
	}
	return nil
}

// find finds one of LXC's programs.
func find(name string) (string, error) {
	return backends.FindTool(name, fmt.Sprintf("LXC %d or later is to be installed (Debian's package lxc), or path set in the section lxc of berth's configuration", oldest))
}

// command is a call of one of LXC's programs; berth may be called without PATH.
func command(name string, args ...string) (*exec.Cmd, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd, nil
}
