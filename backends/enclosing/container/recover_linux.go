package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/procfs"
)

// Recover ends the processes of a container and removes its enclosure. A cgroup is the container's
// if its stub init or its init process is in it. The stub init is the process that runs the file in
// the state directory. The init process is named in LXC's configuration.
func Recover(ctx context.Context, t enclosure.Tool, c *backends.Container) (done []string, err error) {
	f, ok := t.(enclosure.Finder)
	if !ok {
		return nil, nil
	}
	found := *c
	d := &enclosure.Data{LimitsID: enclosure.NoID}
	if err := anchor(&found, d); err != nil {
		return nil, err
	}
	if err := f.Find(&found, d); err != nil || d.Name == "" {
		return nil, err
	}
	if d.LimitsID != enclosure.NoID {
		if err := signalAll(d, unix.SIGKILL); err != nil && !errors.Is(err, cgroup.ErrGone) {
			return nil, err
		}
		if err := found.Process.WaitGone(ctx, 10*time.Second); err != nil {
			return nil, err
		}
		done = append(done, "killed the processes in cgroup "+d.Cgroup)
	}
	if err := t.DestroyEnclosure(ctx, &found, d); err != nil {
		return done, fmt.Errorf("remove %s: %w", d.Name, err)
	}
	return append(done, fmt.Sprintf("removed what was left of %s container %s", t.Name(), d.Name)), nil
}

// anchor looks for the stub init and the init process of a container, and sets the cgroup that they
// are in.
func anchor(c *backends.Container, d *enclosure.Data) error {
	link, _ := os.Readlink(filepath.Join(c.Dir, "cgroup"))
	linked := strings.TrimPrefix(link, cgroup.Mount)
	if stubInit := runs(filepath.Join(enclosure.StubInitDir(c), enclosure.StubInitFile)); stubInit != 0 {
		path, err := cgroupOf(stubInit)
		if err != nil {
			return nil //nolint:nilerr // it has ended
		}
		d.Cgroup = path
		if linked != "" && cgroup.Below(path, linked) {
			d.Cgroup = linked // the process has moved to one below
		}
		if d.StubInit, err = backends.FindProcess(stubInit); err != nil {
			return nil //nolint:nilerr // the same
		}
		if ppid, err := backends.Parent(stubInit); err == nil {
			d.Monitor, _ = backends.FindProcess(ppid)
		}
	} else {
		d.Cgroup = linked
	}
	initPid, err := backends.FindProcess(namedInit(c.Dir))
	if err == nil {
		if path, err := cgroup.Of(initPid.Pid); err == nil && d.Cgroup != "" && path == d.Cgroup {
			c.Process = initPid
		}
	}
	return own(c, d)
}

// own notes that the cgroup is the container's, if the stub init or the init process belongs to it.
func own(c *backends.Container, d *enclosure.Data) error {
	if d.Cgroup == "" {
		return nil
	}
	g, err := cgroup.Open(d.Cgroup)
	if errors.Is(err, cgroup.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer g.Close()
	path, err := cgroupOf(d.StubInit.Pid)
	belongs := err == nil && cgroup.Below(path, d.Cgroup) && d.StubInit.Alive()
	if (belongs || c.Process.Alive() && g.Holds(c.Process.Pid)) && g.Exists() {
		d.Limits, d.LimitsID = d.Cgroup, g.ID()
	}
	return nil
}

// runs returns the pid of a process that executes this very file, or 0 if there is none.
func runs(file string) int {
	want, err := os.Stat(file)
	if err != nil {
		return 0
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if got, err := os.Stat(dir + "/exe"); err == nil && os.SameFile(got, want) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			return pid
		}
	}
	return 0
}

// namedInit returns the pid of the init process in LXC's configuration, or 0 if the configuration
// names none.
func namedInit(dir string) int {
	data, _ := os.ReadFile(filepath.Join(dir, "lxc.conf"))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "lxc.namespace.share.pid = /proc/"); ok {
			pid, _ := strconv.Atoi(strings.TrimSuffix(rest, "/ns/pid\n"))
			return pid
		}
	}
	return 0
}

// cgroupOf returns the cgroup of the container that a stub init belongs to. That is the stub init's
// own cgroup if it is where LXC has put it, else the cgroup of the process that the stub init waits
// for.
func cgroupOf(stubInit int) (string, error) {
	path, err := cgroup.Of(stubInit)
	if err != nil {
		return "", err
	}
	monitor, err := backends.Parent(stubInit)
	if err != nil {
		return "", err
	}
	if above, err := cgroup.Of(monitor); err != nil || above != path {
		return path, err
	}
	watched, err := procfs.Proc.Watched(stubInit)
	if err == nil && len(watched) == 0 {
		err = fmt.Errorf("the stub init, process %d, waits for no process", stubInit)
	}
	if err != nil {
		return "", err
	}
	return cgroup.Of(watched[0])
}
