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
	pid, parent int
	args        []string
}

// all lists the host's processes.
func (d *Doctor) all() (map[int]process, error) {
	entries, err := os.ReadDir(d.path("/proc"))
	if err != nil {
		return nil, err
	}
	list := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := d.path(filepath.Join("/proc", e.Name()))
		cmdline, err1 := os.ReadFile(dir + "/cmdline")
		stat, err2 := os.ReadFile(dir + "/stat")
		if err1 != nil || err2 != nil || len(cmdline) == 0 {
			continue // it has gone, or is the kernel's
		}
		// Behind the name, which can hold anything: state and parent (proc_pid_stat(5)).
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		list[pid] = process{pid, parent, strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")}
	}
	return list, nil
}

// monitors are LXC's processes above containers of the lxc backend. Their
// command line tells the record: lxc-start -n NAME -f ROOT/ID/lxc.conf -F.
func (d *Doctor) monitors(*inventory) ([]backends.Finding, error) {
	all, err := d.all()
	var list []backends.Finding
	for _, p := range all {
		if len(p.args) != 6 || filepath.Base(p.args[0]) != "lxc-start" || p.args[1] != "-n" || p.args[3] != "-f" {
			continue
		}
		name, dir := p.args[2], filepath.Dir(p.args[4])
		if !strings.HasPrefix(name, "berth-") || filepath.Base(p.args[4]) != "lxc.conf" || holds(filepath.Dir(dir), filepath.Base(dir)) {
			continue
		}
		list = append(list, backends.Finding{
			Looked: fmt.Sprintf("%s (process %d) of %s", name, p.pid, dir),
			Fix:    func(context.Context) error { return endMonitor(p.pid, name) },
		})
	}
	return list, err
}

// endMonitor ends an LXC container by the end of its init, and the monitor if it
// does not follow.
func endMonitor(pid int, name string) error {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, child := range strings.Fields(string(children)) {
		n, err := strconv.Atoi(child)
		if err != nil {
			continue
		}
		if path, err := enclosing.CgroupOf(n); err == nil && path != "/" {
			if err := cgroup.Kill(path); err != nil {
				return err
			}
			defer func() {
				_ = cgroup.Remove(path)
				cgroup.TrimDefault(path)
			}()
		}
	}
	for deadline := time.Now().Add(5 * time.Second); unix.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
			break
		}
	}
	for _, path := range []string{"/lxc.monitor." + name, "/lxc.pivot." + name} {
		if err := cgroup.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// processes are stages and wardens that nobody waits for any more.
func (d *Doctor) processes(known *inventory) ([]backends.Finding, error) {
	all, err := d.all()
	recorded := map[int]bool{}
	for _, c := range known.records {
		recorded[c.Process.Pid] = true
	}
	var list []backends.Finding
	for _, p := range all {
		above := ""
		if parent, ok := all[p.parent]; ok {
			above = parent.args[0]
		}
		stray := false
		switch {
		case p.args[0] == "berth-stage":
			stray = !recorded[p.pid] && !isBerth(above)
		case p.args[0] == "./warden" && len(p.args) == 2:
			// In the background LXC's monitor gives itself another name.
			stray = filepath.Base(above) != "lxc-start" && !strings.HasPrefix(above, "[lxc monitor]")
		}
		if stray {
			list = append(list, backends.Finding{
				Looked: fmt.Sprintf("%s (process %d)", p.args[0], p.pid),
				Fix: func(context.Context) error {
					if err := unix.Kill(p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
						return fmt.Errorf("kill process %d: %w", p.pid, err)
					}
					return nil
				},
			})
		}
	}
	return list, err
}

// cgroups are empty ones where berth puts containers by default, and LXC its
// monitors.
func (d *Doctor) cgroups(known *inventory) ([]backends.Finding, error) {
	used := map[string]bool{}
	for _, c := range known.records {
		var data struct{ Name, Cgroup, Limits string }
		if len(c.Data) == 0 || json.Unmarshal(c.Data, &data) != nil {
			continue
		}
		used[filepath.Dir(data.Limits)] = true
		for _, path := range []string{data.Cgroup, data.Limits, "/lxc.monitor." + data.Name, "/lxc.pivot." + data.Name} {
			used[path] = true
		}
	}
	var list []backends.Finding
	mount := d.path(cgroup.Mount)
	for _, pattern := range []string{"/berth/@*/*", "/berth/*", "/lxc.monitor.berth-*", "/lxc.pivot.berth-*"} {
		dirs, err := filepath.Glob(mount + pattern)
		if err != nil {
			return list, err
		}
		for _, dir := range dirs {
			path := strings.TrimPrefix(dir, mount)
			events, err := os.ReadFile(dir + "/cgroup.events")
			if err != nil || used[path] || !slices.Contains(strings.Split(string(events), "\n"), "populated 0") {
				continue // a file, or a container that another row is about
			}
			used[filepath.Dir(path)] = true // goes with the last one below it
			list = append(list, backends.Finding{
				Looked: dir,
				Fix: func(context.Context) error {
					err := cgroup.Remove(path)
					cgroup.TrimDefault(path)
					return err
				},
			})
		}
	}
	return list, nil
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
		if name, _, ok := below(known.roots, m.Mountpoint); ok && strings.HasPrefix(name, "@") {
			continue // crun's and runc's own
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
