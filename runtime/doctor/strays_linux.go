package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/backends/procfs"
	"github.com/berth-oci/berth/runtime/state"
)

// leftovers finds LXC containers, processes, cgroups and mounts that berth made and no record
// names.
func (d *Doctor) leftovers(_ context.Context, known *inventory) []backends.Finding {
	var list []backends.Finding
	for _, kind := range []struct {
		check string
		find  func(*inventory) ([]backends.Finding, error)
	}{
		{"LXC containers", d.monitors},
		{"processes", d.processes},
		{"cgroups", d.cgroups},
		{"mounts", d.mounts},
	} {
		found, err := kind.find(known)
		for i := range found {
			found[i].Check, found[i].Verdict = kind.check, backends.Fail
			found[i].Advice = "it was left behind by a container that has no record: 'berth doctor --fix' removes it"
			if len(known.newer) > 0 {
				// It may belong to a container whose record only a newer berth can read.
				found[i].Verdict, found[i].Fix = backends.Warn, nil
				found[i].Advice = "it may belong to " + strings.Join(known.newer, " or ") + ", whose record a newer version of berth has written: run 'berth doctor' of that version"
			}
		}
		switch {
		case err != nil:
			list = append(list, warn(kind.check, err.Error(), "berth could not examine this"))
		case len(found) == 0:
			list = append(list, pass(kind.check, "none without a record"))
		}
		list = append(list, found...)
	}
	return list
}

// process is a process in /proc.
type process struct {
	backends.Process
	parent int
	args   []string
}

// all returns the host's processes by pid.
func (d *Doctor) all() (map[int]process, error) {
	entries, err := os.ReadDir(d.path("/proc"))
	if err != nil {
		return nil, err
	}
	list := map[int]process{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := d.process(pid); ok {
				list[pid] = p
			}
		}
	}
	return list, nil
}

// process reads one process. ok is false if the process is gone, or is a kernel thread.
func (d *Doctor) process(pid int) (p process, ok bool) {
	args, err1 := d.procfs().CommandLine(pid)
	stat, err2 := d.procfs().Stat(pid)
	return process{backends.Process{Pid: pid, StartTime: stat.StartTime}, stat.Parent, args}, err1 == nil && err2 == nil && len(args) > 0
}

func (d *Doctor) procfs() procfs.Dir { return procfs.Dir(d.path("/proc")) }

// cgroupOf returns the cgroup of a process, or "" if the process is gone.
func (d *Doctor) cgroupOf(pid int) string {
	path, _ := d.procfs().Cgroup(pid)
	return path
}

// stubInitName is the first word of a stub init's command line. A stub init is started with a dot
// there, and replaces it by an at sign.
const stubInitName = "@/" + enclosure.StubInitFile

func (p process) isStubInit() bool {
	return len(p.args) == 2 && p.args[0] == stubInitName && p.args[1] == enclosure.StubInitSocket
}

// monitor is the LXC monitor of a container of the lxc backend.
type monitor struct {
	process
	name, root, id string
}

// cgroups returns the cgroups into which LXC may have put the monitor.
func (m *monitor) cgroups() []string {
	return []string{"/lxc.monitor." + m.name, "/lxc.pivot." + m.name}
}

// monitor recognizes a monitor by its command line, which names the record: lxc-start -n NAME -f
// ROOT/ID/lxc.conf -F. Any process can give itself this command line. But a process in a container
// cannot get into the monitor's cgroups, it does not run the host's lxc-start, and it cannot choose
// a name that leads to other cgroups.
func (d *Doctor) monitor(p process) (m monitor, ok bool) {
	if len(p.args) != 6 || filepath.Base(p.args[0]) != "lxc-start" || p.args[1] != "-n" || p.args[3] != "-f" || p.args[5] != "-F" {
		return m, false
	}
	file := p.args[4]
	dir := filepath.Dir(file)
	m = monitor{p, p.args[2], filepath.Dir(dir), filepath.Base(dir)}
	return m, filepath.IsAbs(file) && filepath.Clean(file) == file && filepath.Base(file) == "lxc.conf" && state.CheckID(m.id) == nil &&
		m.name == lxc.Name(&backends.Container{ID: m.id, Root: m.root}) &&
		slices.Contains(m.cgroups(), d.cgroupOf(p.Pid)) && d.isLXCStart(p.Pid)
}

// isLXCStart is true if a process runs the host's lxc-start.
func (d *Doctor) isLXCStart(pid int) bool {
	runs, err := os.Stat(d.procfs().Path(pid, "exe"))
	if err != nil {
		return false
	}
	dirs := append(filepath.SplitList(os.Getenv("PATH")), programDirs...)
	return slices.ContainsFunc(dirs, func(dir string) bool {
		program, err := os.Stat(d.path(filepath.Join(dir, "lxc-start")))
		return err == nil && filepath.IsAbs(dir) && os.SameFile(program, runs)
	})
}

// monitors finds the monitors whose record is gone.
func (d *Doctor) monitors(*inventory) ([]backends.Finding, error) {
	all, err := d.all()
	var list []backends.Finding
	for _, p := range all {
		m, ok := d.monitor(p)
		if !ok || holds(m.root, m.id) || d.distrust(m.root) != nil {
			continue
		}
		list = append(list, backends.Finding{
			Looked: fmt.Sprintf("%s (process %d) of %s", m.name, m.Pid, filepath.Join(m.root, m.id)),
			Fix:    func(ctx context.Context) error { return d.endMonitor(ctx, m) },
		})
	}
	return list, err
}

// endMonitor ends an LXC container by killing the processes in it. It kills the monitor too if the
// monitor does not end then.
func (d *Doctor) endMonitor(ctx context.Context, m monitor) error {
	held, err := d.hold(m.process)
	if err != nil {
		return err
	}
	if held != nil {
		defer held.Close()
		for _, g := range d.openEnclosed(m) {
			defer func() {
				_ = g.Remove()
				g.Close()
				cgroup.TrimDefault(g.Path())
			}()
			if err := g.Kill(); err != nil {
				return err
			}
		}
		if m.Process.WaitGone(ctx, 5*time.Second) != nil {
			if err := kill(held, m.Pid); err != nil {
				return err
			}
		}
	}
	if holds(m.root, m.id) {
		return fmt.Errorf("%s exists again: the cgroups of %s may belong to a new container", filepath.Join(m.root, m.id), m.name)
	}
	for _, path := range m.cgroups() {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// enclosed returns the cgroups of the container below a monitor. That is the cgroup into which LXC
// has put its init. If that init is a stub init and is in the monitor's cgroup, it is the cgroup of
// the process that the stub init waits for.
func (d *Doctor) enclosed(m monitor) []string {
	all, err := d.all()
	if err != nil {
		return nil
	}
	var paths []string
	for _, p := range all {
		if p.parent != m.Pid {
			continue
		}
		path := d.cgroupOf(p.Pid)
		if path == d.cgroupOf(m.Pid) {
			if path = ""; p.isStubInit() {
				path = d.watchedCgroup(p.Pid)
			}
		}
		// The pid may belong to another process by now, which is not the monitor's child.
		if now, ok := d.process(p.Pid); !ok || now.StartTime != p.StartTime || now.parent != m.Pid {
			continue
		}
		if d.foreign(path) && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// openEnclosed opens the cgroups that enclosed returns. It leaves out those that are not the
// container's any more once they are open.
func (d *Doctor) openEnclosed(m monitor) (groups []*cgroup.Group) {
	for _, path := range d.enclosed(m) {
		if g, err := cgroup.Open(path); err == nil {
			groups = append(groups, g)
		}
	}
	now := d.enclosed(m)
	return slices.DeleteFunc(groups, func(g *cgroup.Group) bool {
		if slices.Contains(now, g.Path()) && g.Exists() {
			return false
		}
		g.Close()
		return true
	})
}

// watchedCgroup returns the cgroup of the process that a stub init waits for, or "" if that process
// ends meanwhile.
func (d *Doctor) watchedCgroup(stubInit int) string {
	before, _ := d.procfs().Watched(stubInit)
	if len(before) != 1 {
		return ""
	}
	path := d.cgroupOf(before[0])
	if after, _ := d.procfs().Watched(stubInit); !slices.Equal(before, after) {
		return ""
	}
	return path
}

// foreign is true if a path can be a container's cgroup: it is absolute and clean, and neither this
// process nor the host's first process is in it or below.
func (d *Doctor) foreign(path string) bool {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return false
	}
	return !slices.ContainsFunc([]string{d.cgroupOf(1), d.cgroupOf(os.Getpid())}, func(own string) bool {
		return own == path || strings.HasPrefix(own, path+"/")
	})
}

// hold opens a process that was found. It returns nil if the process is no longer the same: its pid
// may belong to another process by now, or an init process may have become the user process.
func (d *Doctor) hold(p process) (*os.File, error) {
	pidfd, err := p.Process.Open()
	if errors.Is(err, os.ErrProcessDone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if now, ok := d.process(p.Pid); !ok || now.StartTime != p.StartTime || !slices.Equal(now.args, p.args) {
		pidfd.Close()
		return nil, nil
	}
	return pidfd, nil
}

func kill(pidfd *os.File, pid int) error {
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return nil
}

// end kills a process that was found.
func (d *Doctor) end(p process) error {
	pidfd, err := d.hold(p)
	if pidfd == nil {
		return err
	}
	defer pidfd.Close()
	return kill(pidfd, p.Pid)
}

// processes finds init processes and stub inits that nobody waits for any more.
func (d *Doctor) processes(known *inventory) ([]backends.Finding, error) {
	stray, err := d.strayProcesses(known)
	if len(stray) > 0 && err == nil {
		time.Sleep(settles)
		var later []process
		later, err = d.strayProcesses(known)
		stray = slices.DeleteFunc(stray, func(p process) bool {
			return !slices.ContainsFunc(later, func(q process) bool { return q.Process == p.Process })
		})
	}
	var list []backends.Finding
	for _, p := range stray {
		list = append(list, backends.Finding{
			Looked: fmt.Sprintf("%s (process %d)", p.args[0], p.Pid),
			Fix: func(context.Context) error {
				// A create may have connected them meanwhile.
				still, err := d.strayProcesses(known)
				if !slices.ContainsFunc(still, func(q process) bool { return q.Process == p.Process }) {
					return err
				}
				return d.end(p)
			},
		})
	}
	return list, err
}

func (d *Doctor) strayProcesses(known *inventory) (stray []process, err error) {
	all, err := d.all()
	needed := map[int]bool{}
	for _, c := range slices.Concat(known.records, d.read()) {
		var data struct {
			StubInit backends.Process `json:"warden"`
		}
		_ = json.Unmarshal(c.Data, &data)
		needed[c.Process.Pid], needed[data.StubInit.Pid] = true, true
	}
	above := func(p process) string {
		if parent, ok := all[p.parent]; ok {
			return parent.args[0]
		}
		return ""
	}
	for _, p := range all {
		if !p.isStubInit() {
			continue
		}
		// A monitor in the background gives itself another name.
		if name := above(p); !needed[p.Pid] && filepath.Base(name) != "lxc-start" && !strings.HasPrefix(name, "[lxc monitor]") {
			stray = append(stray, p)
			continue
		}
		// The processes it waits for belong to an existing container, whether its record is known
		// or not. A container without a record has a row of its own.
		watched, _ := d.procfs().Watched(p.Pid)
		for _, pid := range watched {
			needed[pid] = true
		}
	}
	for _, p := range all {
		if p.args[0] != "berth-init" || needed[p.Pid] || isBerth(above(p)) {
			continue
		}
		// In a joined pid namespace the init process waits beside the container's process until
		// start. The record names only the container's process.
		watched, err := d.procfs().Watched(p.Pid)
		if err == nil && !slices.ContainsFunc(watched, func(pid int) bool { return needed[pid] }) {
			stray = append(stray, p)
		}
	}
	return stray, err
}

// cgroups finds empty cgroups where berth puts containers by default, and where LXC puts their
// monitors.
func (d *Doctor) cgroups(known *inventory) ([]backends.Finding, error) {
	mount := d.path(cgroup.Mount)
	var paths []string
	for _, pattern := range []string{"/berth/@*/*", "/berth/*", "/lxc.monitor.berth-*", "/lxc.pivot.berth-*"} {
		dirs, err := filepath.Glob(mount + pattern)
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			paths = append(paths, strings.TrimPrefix(dir, mount))
		}
	}
	used := d.recordedCgroups(known)
	empty := map[string]uint64{}
	for _, path := range paths {
		if !used[path] && d.isEmpty(path) {
			empty[path] = cgroup.ID(path)
		}
	}
	if len(empty) > 0 {
		time.Sleep(settles)
	}
	var list []backends.Finding
	for _, path := range paths {
		id, was := empty[path]
		if !was || used[path] || !d.isEmpty(path) || cgroup.ID(path) != id {
			continue
		}
		used[filepath.Dir(path)] = true // it is removed with the last cgroup below it
		list = append(list, backends.Finding{
			Looked: mount + path,
			Fix: func(context.Context) error {
				g, err := cgroup.OpenID(path, id)
				if errors.Is(err, cgroup.ErrGone) {
					return nil // a create may be making one of the same name
				}
				if err != nil {
					return err
				}
				defer cgroup.TrimDefault(path)
				defer g.Close()
				return g.Withdraw(releases)
			},
		})
	}
	return list, nil
}

// settles is how long something must look left behind before it is reported. doctor does not see
// all processes at one moment, and older versions of berth may not have registered their state
// directories. What was just made is soon in use, and what is just being removed is soon gone.
const settles = time.Second

// releases is how long the kernel may take to release processes that have ended.
const releases = 5 * time.Second

// isEmpty is true if a path is a cgroup, and no process is in it or below.
func (d *Doctor) isEmpty(path string) bool {
	events, err := os.ReadFile(d.path(cgroup.Mount) + path + "/cgroup.events")
	return err == nil && slices.Contains(strings.Split(string(events), "\n"), "populated 0")
}

// recordedCgroups returns the cgroups that records name. A record names a cgroup before the cgroup
// is made. So if the records are read after a cgroup was seen, they name it if it belongs to a
// container, even to one that has just begun.
func (d *Doctor) recordedCgroups(known *inventory) map[string]bool {
	used := map[string]bool{}
	for _, c := range slices.Concat(known.records, d.read()) {
		var data struct{ Name, Cgroup, Limits string }
		if len(c.Data) == 0 || json.Unmarshal(c.Data, &data) != nil {
			continue
		}
		used[filepath.Dir(data.Limits)] = true
		for _, path := range []string{data.Cgroup, data.Limits, "/lxc.monitor." + data.Name, "/lxc.pivot." + data.Name} {
			used[path] = true
		}
	}
	return used
}

// read returns the current records of all state directories. New ones may have come since the
// inventory was taken.
func (d *Doctor) read() (list []*backends.Container) {
	roots, _ := d.roots()
	for _, root := range roots {
		store, err := state.Open(root)
		if err != nil {
			continue
		}
		ids, _ := store.List()
		for _, id := range ids {
			if c, err := store.Read(id); err == nil {
				list = append(list, c)
			}
		}
	}
	return list
}

// mounts finds mounts in containers' directories below state directories. berth makes none there.
func (d *Doctor) mounts(known *inventory) ([]backends.Finding, error) {
	f, err := os.Open(d.path("/proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, func(i *mountinfo.Info) (skip, stop bool) {
		return !slices.ContainsFunc(known.roots, func(root string) bool { return strings.HasPrefix(i.Mountpoint, root+"/") }), false
	})
	var list []backends.Finding
	for _, m := range mounts {
		name, root, _ := below(known.roots, m.Mountpoint)
		if strings.HasPrefix(name, "@") {
			continue // the mount belongs to crun or runc
		}
		if _, err := os.Lstat(filepath.Join(root, name, "state.json")); err != nil {
			continue // not below a container's directory
		}
		list = append(list, backends.Finding{
			Looked: m.Mountpoint + " (" + m.FSType + ")",
			Fix: func(context.Context) error {
				if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
					return fmt.Errorf("unmount %s: %w", m.Mountpoint, err)
				}
				return nil
			},
		})
	}
	slices.Reverse(list) // a mount on top of another goes first
	return list, err
}

// below returns the first element of a path below one of the roots, and that root.
func below(roots []string, path string) (name, root string, ok bool) {
	for _, root := range roots {
		if rest, found := strings.CutPrefix(path, root+"/"); found {
			name, _, _ = strings.Cut(rest, "/")
			return name, root, true
		}
	}
	return "", "", false
}
