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
	"github.com/berth-oci/berth/backends/enclosing"
	"github.com/berth-oci/berth/backends/lxc"
	"github.com/berth-oci/berth/runtime/state"
)

// leftovers are LXC containers, processes, cgroups and mounts of berth's that no
// record names.
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
			found[i].Advice = "it is left from a container without a record: 'berth doctor --fix' removes it"
			if len(known.newer) > 0 {
				// It can belong to one whose record cannot be read here.
				found[i].Verdict, found[i].Fix = backends.Warn, nil
				found[i].Advice = "it may be that of " + strings.Join(known.newer, " or ") + ", whose record a newer berth has written: ask that berth's doctor"
			}
		}
		switch {
		case err != nil:
			list = append(list, warn(kind.check, err.Error(), "this could not be looked at"))
		case len(found) == 0:
			list = append(list, pass(kind.check, "none without a record"))
		}
		list = append(list, found...)
	}
	return list
}

// process is one of /proc.
type process struct {
	backends.Process
	parent int
	args   []string
}

// all lists the host's processes.
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

// process reads one; it is not ok if that has gone, or is the kernel's.
func (d *Doctor) process(pid int) (p process, ok bool) {
	cmdline, err1 := os.ReadFile(d.proc(pid, "cmdline"))
	stat, err2 := os.ReadFile(d.proc(pid, "stat"))
	if err1 != nil || err2 != nil || len(cmdline) == 0 {
		return p, false
	}
	// Behind the name, which can hold anything: state, parent, and as the 20th the
	// start time (proc_pid_stat(5)).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return p, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	start, err2 := strconv.ParseUint(fields[19], 10, 64)
	return process{backends.Process{Pid: pid, StartTime: start}, parent,
		strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")}, err1 == nil && err2 == nil
}

// proc is a file of a process.
func (d *Doctor) proc(pid int, name string) string {
	return d.path(filepath.Join("/proc", strconv.Itoa(pid), name))
}

// cgroupOf is the cgroup of a process, "" if it has gone.
func (d *Doctor) cgroupOf(pid int) string {
	data, _ := os.ReadFile(d.proc(pid, "cgroup"))
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path
		}
	}
	return ""
}

// watched are the processes of which one holds pidfds (proc_pid_fdinfo(5)).
func (d *Doctor) watched(pid int) ([]int, error) {
	dir := d.proc(pid, "fdinfo")
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range files {
		data, _ := os.ReadFile(filepath.Join(dir, f.Name()))
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, "Pid:\t"); ok {
				if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
					pids = append(pids, n)
				}
			}
		}
	}
	return pids, nil
}

// The command line of a stub init: the program has put an at sign in place of the
// dot that it is started with.
const stubInitName = "@/" + enclosing.StubInitFile

func (p process) isStubInit() bool {
	return len(p.args) == 2 && p.args[0] == stubInitName && p.args[1] == enclosing.StubInitSocket
}

// monitor is LXC's process above a container of the lxc backend.
type monitor struct {
	process
	name, root, id string
}

// cgroups are those that LXC may have put it into.
func (m *monitor) cgroups() []string {
	return []string{"/lxc.monitor." + m.name, "/lxc.pivot." + m.name}
}

// monitor knows one by its command line, which names the record: lxc-start -n
// NAME -f ROOT/ID/lxc.conf -F. Any process can call itself so, and one in a
// container does not get into these cgroups, nor does it choose a name that is a
// way to others.
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

// isLXCStart says whether a process runs the host's lxc-start.
func (d *Doctor) isLXCStart(pid int) bool {
	runs, err := os.Stat(d.proc(pid, "exe"))
	if err != nil {
		return false
	}
	dirs := append(filepath.SplitList(os.Getenv("PATH")), programDirs...)
	return slices.ContainsFunc(dirs, func(dir string) bool {
		program, err := os.Stat(d.path(filepath.Join(dir, "lxc-start")))
		return err == nil && filepath.IsAbs(dir) && os.SameFile(program, runs)
	})
}

// monitors are those whose record has gone.
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

// endMonitor ends an LXC container by the end of what is in it, and the monitor if
// that does not follow.
func (d *Doctor) endMonitor(ctx context.Context, m monitor) error {
	held, err := d.hold(m.process)
	if err != nil {
		return err
	}
	if held != nil {
		defer held.Close()
		for _, path := range d.enclosed(m) {
			if err := cgroup.Kill(path); err != nil {
				return err
			}
			defer func() {
				_ = cgroup.Remove(path)
				cgroup.TrimDefault(path)
			}()
		}
		if enclosing.WaitGone(ctx, m.Process, 5*time.Second) != nil {
			if err := kill(held, m.Pid); err != nil {
				return err
			}
		}
	}
	if holds(m.root, m.id) {
		return fmt.Errorf("%s is there again: the cgroups of %s may be a new container's", filepath.Join(m.root, m.id), m.name)
	}
	for _, path := range m.cgroups() {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// enclosed are the cgroups of the container below a monitor: where LXC has put its
// init, or, once that is with the monitor, where the process is that it waits for.
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
		// A pid that is another process's by now is not the monitor's child.
		if now, ok := d.process(p.Pid); !ok || now.StartTime != p.StartTime || now.parent != m.Pid {
			continue
		}
		if d.foreign(path) && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// attended is the cgroup of the process that a stub init waits for, "" if that ends
// meanwhile.
func (d *Doctor) watchedCgroup(stubInit int) string {
	before, _ := d.watched(stubInit)
	if len(before) != 1 {
		return ""
	}
	path := d.cgroupOf(before[0])
	if after, _ := d.watched(stubInit); !slices.Equal(before, after) {
		return ""
	}
	return path
}

// foreign says that a cgroup can be a container's: it is named in full, and
// neither this process nor the host's first one is in it.
func (d *Doctor) foreign(path string) bool {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return false
	}
	return !slices.ContainsFunc([]string{d.cgroupOf(1), d.cgroupOf(os.Getpid())}, func(own string) bool {
		return own == path || strings.HasPrefix(own, path+"/")
	})
}

// hold opens a process that was found, and makes sure that it is still what it was;
// nil if it is not, for its pid may be another's by now, and an init process may have become
// the user's process.
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

// processes are init processes and stub inits that nobody waits for any more.
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
				// A create may only have been about to connect them.
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
		// In the background LXC's monitor gives itself another name.
		if name := above(p); !needed[p.Pid] && filepath.Base(name) != "lxc-start" && !strings.HasPrefix(name, "[lxc monitor]") {
			stray = append(stray, p)
			continue
		}
		// What it waits for belongs to a container that is there, be its record
		// among the known ones or not: without one, that has a row of its own.
		watched, _ := d.watched(p.Pid)
		for _, pid := range watched {
			needed[pid] = true
		}
	}
	for _, p := range all {
		if p.args[0] != "berth-init" || needed[p.Pid] || isBerth(above(p)) {
			continue
		}
		// In a pid namespace that was joined, the init process holds the container's process
		// until start, and is not recorded itself.
		watched, err := d.watched(p.Pid)
		if err == nil && !slices.ContainsFunc(watched, func(pid int) bool { return needed[pid] }) {
			stray = append(stray, p)
		}
	}
	return stray, err
}

// cgroups are empty ones where berth puts containers by default, and LXC its
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
		used[filepath.Dir(path)] = true // goes with the last one below it
		list = append(list, backends.Finding{
			Looked: mount + path,
			Fix: func(context.Context) error {
				if cgroup.ID(path) != id {
					return nil // gone; what bears its name is being made
				}
				defer cgroup.TrimDefault(path)
				p, err := cgroup.At(path, false)
				if err != nil {
					return err
				}
				return p.Withdraw()
			},
		})
	}
	return list, nil
}

// settles is how long something has to look left behind before it is said to be. Processes
// are not all seen at one moment, and state directories of older berths may not be
// registered: what has just been made is in use soon, and what others are done with is soon gone.
const settles = time.Second

// isEmpty says that a path is a cgroup, and that there is no process in it or below.
func (d *Doctor) isEmpty(path string) bool {
	events, err := os.ReadFile(d.path(cgroup.Mount) + path + "/cgroup.events")
	return err == nil && slices.Contains(strings.Split(string(events), "\n"), "populated 0")
}

// recordedCgroups are those that records name. They are written before a cgroup is
// made: read after one was seen, they name it if it is a container's, even of one
// that has begun meanwhile.
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

// read are the records of all state directories as they are now: others may have come
// since the inventory was taken.
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

// mounts are those below state directories: berth makes none.
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
			continue // crun's and runc's own
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
	slices.Reverse(list) // what is mounted on another goes first
	return list, err
}

// below gives the first part of a path below one of the roots.
func below(roots []string, path string) (name, root string, ok bool) {
	for _, root := range roots {
		if rest, found := strings.CutPrefix(path, root+"/"); found {
			name, _, _ = strings.Cut(rest, "/")
			return name, root, true
		}
	}
	return "", "", false
}
