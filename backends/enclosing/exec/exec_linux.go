// Package exec runs a further process in a container, beside the first one.
package exec

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/agent"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/seccomp"
	"github.com/berth-oci/berth/spec"
)

// execution is one run of Exec.
type execution struct {
	c       *backends.Container
	data    *enclosure.Data
	process *specs.Process
	plan    *initproc.ExecPlan
	files   *initproc.ExecFiles
	saved   *savedconfig.Config
}

// Run runs a process beside the first one (berth exec). It joins the namespaces of the stub init,
// because nothing in the container can have changed those.
func Run(c *backends.Container, p *specs.Process, o backends.ExecOptions) (backends.Process, error) {
	none := backends.Process{}
	d, err := enclosure.DataOf(c)
	if err != nil {
		return none, err
	}
	e := &execution{c: c, data: d, files: &initproc.ExecFiles{}}
	defer e.close()
	if err := e.prepare(p, &o); err != nil {
		return none, err
	}
	made, err := e.run(&o)
	if err != nil && !(lives(c.Process) && lives(d.StubInit)) {
		// Whatever failed, it failed because the container ended.
		return none, fmt.Errorf("%w: %w", os.ErrProcessDone, err)
	}
	return made, err
}

func lives(p backends.Process) bool { return p.Alive() && !p.Ending() }

func (e *execution) close() {
	for _, f := range []*os.File{e.files.Member, e.files.PID, e.files.User, e.files.Time, e.files.Mount, e.files.Root, e.files.ConsoleSocket} {
		if f != nil {
			f.Close()
		}
	}
	for _, f := range e.files.JoinBeforeFork {
		f.Close()
	}
}

// prepare does everything for which it does not need the container.
func (e *execution) prepare(p *specs.Process, o *backends.ExecOptions) error {
	k, err := savedconfig.Load(e.c)
	if err != nil {
		return err
	}
	e.saved = k
	e.process = confined(e.data, complete(p, k.Process))
	if err := spec.CheckProcess(e.process, spec.Linux).Err(); err != nil {
		return err
	}
	attributes, err := process.FromSpec(e.process, k.Spec())
	if err != nil {
		return err
	}
	backends.LogWarnings(slices.Concat(attributes.Warnings, attributes.Ungranted()))
	if !k.NoNewKeyring {
		attributes.Keyring = "_ses." + e.c.ID
	}
	if k.Linux.Seccomp != nil {
		if attributes.Seccomp, err = seccomp.Cached(k.Linux.Seccomp, filepath.Join(e.c.Root, "@seccomp")); err != nil {
			return err
		}
	}
	inherited, err := link.Inheritable(0, o.PreserveFDs)
	if err != nil {
		return err
	}
	if err := guard.CheckDescriptors(o.Stdio, inherited); err != nil {
		return err
	}
	e.plan = &initproc.ExecPlan{
		Process: attributes, Terminal: e.process.Terminal, Console: e.process.ConsoleSize, Inherited: inherited,
	}
	if a := e.process.ExecCPUAffinity; a != nil && a.Initial != "" {
		if e.plan.CPUs, err = initproc.ParseCPUs(a.Initial); err != nil {
			return &spec.FieldError{Path: "process.execCPUAffinity.initial", Err: err}
		}
	}
	if e.process.Terminal {
		if e.files.ConsoleSocket, err = link.DialConsole(o.ConsoleSocket); err != nil {
			return err
		}
	}
	e.files.Stdio = backends.OwnStdio(o.Stdio)
	return nil
}

// run forks the process, moves it into its cgroup, grants it what only the host can grant, and
// releases it.
func (e *execution) run(o *backends.ExecOptions) (backends.Process, error) {
	none := backends.Process{}
	if err := e.open(); err != nil {
		return none, err
	}
	w, err := initproc.Exec(e.plan, e.files)
	if err != nil {
		return none, err
	}
	err = e.adopt(w.Pid, o)
	if err == nil {
		err = w.Grant()
	}
	if err == nil && !lives(e.c.Process) {
		// The container may have been killed before this process was in its cgroup.
		err = os.ErrProcessDone
	}
	if err != nil {
		w.Kill()
		return none, err
	}
	w.Listener = func(f *os.File) error { return agent.Send(e.c, w.Pid, specs.StateRunning, f) }
	if err := w.Go(); err != nil {
		return none, err
	}
	made, err := backends.FindProcess(w.Pid)
	if err != nil || o.PidfdSocket == "" {
		return made, err
	}
	if err := tellPidfd(w.Pid, o.PidfdSocket); err != nil {
		w.Kill()
		return none, err
	}
	return made, nil
}

func tellPidfd(pid int, socket string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("--pidfd-socket %s: %w", socket, err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	return link.SendPidfd(socket, pidfd)
}

// open opens a pidfd of the stub init and compares the stub init's namespaces with berth's own.
// Namespaces that are the same need not be joined. In a user namespace they could not be joined
// either.
func (e *execution) open() error {
	stubInit := e.data.StubInit
	pidfd, err := stubInit.Open()
	if err != nil {
		return fmt.Errorf("open the enclosure's init: %w", err)
	}
	e.files.Member = pidfd
	if !stubInit.Alive() {
		return fmt.Errorf("the enclosure's init, process %d: %w", stubInit.Pid, unix.ESRCH)
	}
	_, cgroups := e.namespace(specs.CgroupNamespace)
	for name, flag := range map[string]int{
		"mnt": unix.CLONE_NEWNS, "net": unix.CLONE_NEWNET, "ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS,
		"cgroup": unix.CLONE_NEWCGROUP, "user": unix.CLONE_NEWUSER,
	} {
		if name == "cgroup" && cgroups != spec.New || name == "mnt" && e.data.Attachment != nil {
			continue // LXC always gives its init a new one
		}
		if slices.ContainsFunc(e.data.JoinedBeforeFork, func(t specs.LinuxNamespaceType) bool { return namespace.CloneFlags[t] == flag }) {
			continue // the stub init is not in it
		}
		theirs := fmt.Sprintf("/proc/%d/ns/%s", stubInit.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/"+name)
		if err != nil {
			return fmt.Errorf("open the container's namespaces: %w", err)
		}
		switch {
		case same:
		case name == "user":
			if e.files.User, err = os.Open(theirs); err != nil {
				return fmt.Errorf("open the container's namespaces: %w", err)
			}
			if err := e.givePipes(); err != nil {
				return err
			}
		default:
			e.plan.Namespaces |= flag
		}
	}
	if err := e.keepInCgroup(); err != nil {
		return err
	}
	if err := e.openPID(); err != nil {
		return err
	}
	if err := e.openTime(); err != nil {
		return err
	}
	if err := e.openJoinedBeforeFork(); err != nil {
		return err
	}
	return e.openMounts()
}

// keepInCgroup repeats the check that create made. A monitor may have come into the container's
// network namespace since then.
func (e *execution) keepInCgroup() error {
	// Look at the namespace that exec joins. The first process may have moved to another one.
	member := e.data.StubInit
	if slices.Contains(e.data.JoinedBeforeFork, specs.NetworkNamespace) {
		member = e.c.Process
	}
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", member.Pid))
	if err == nil && !member.Alive() {
		network.Close()
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's network namespace: %w", err)
	}
	defer network.Close()
	return guard.KeepInCgroup(e.plan.Process, e.saved.Spec(), network)
}

// givePipes gives stdio that is a pipe to the process's user. The ID maps are those of the stub
// init, which a pidfd holds and which was still alive after they were read.
func (e *execution) givePipes() error {
	if e.process.Terminal {
		return nil
	}
	maps, err := namespace.ReadMap(fmt.Sprintf("/proc/%d/uid_map", e.data.StubInit.Pid))
	if err == nil && !e.data.StubInit.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's user namespace: %w", err)
	}
	return namespace.GivePipes(e.files.Stdio, e.process.User.UID, maps)
}

// openMounts opens the first process's root, and its mount namespace if that was joined by path. It
// does nothing if the mount namespace is the container's own, because the stub init is in it then.
func (e *execution) openMounts() error {
	if e.data.Attachment == nil {
		if e.plan.Namespaces&unix.CLONE_NEWNS == 0 {
			return errors.New("the container has no mount namespace of its own")
		}
		return nil
	}
	first := e.c.Process
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", first.Pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		e.files.Root = os.NewFile(uintptr(root), "/")
		if e.data.MountNamespace != nil {
			e.files.Mount, err = os.Open(fmt.Sprintf("/proc/%d/ns/mnt", first.Pid))
		}
	}
	if err == nil && !first.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's root: %w", err)
	}
	return nil
}

// openPID opens the pid namespace of the first process. The stub init is not in it if the namespace
// is older than the container.
func (e *execution) openPID() error {
	first := e.c.Process
	theirs := fmt.Sprintf("/proc/%d/ns/pid", first.Pid)
	same, err := sameFile(theirs, "/proc/self/ns/pid")
	if err == nil && !same {
		e.files.PID, err = os.Open(theirs)
	}
	if err == nil && !first.Alive() {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("open the container's pid namespace: %w", err)
	}
	e.files.Secret = same
	return nil
}

// openTime opens the first process's time namespace. Before start that is the time namespace of the
// process's children.
func (e *execution) openTime() error {
	for _, name := range []string{"time", "time_for_children"} {
		theirs := fmt.Sprintf("/proc/%d/ns/%s", e.c.Process.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/time")
		if err == nil && !same {
			e.files.Time, err = os.Open(theirs)
		}
		if errors.Is(err, os.ErrNotExist) && e.c.Process.Alive() {
			return nil // the kernel has none
		}
		if err != nil {
			return fmt.Errorf("open the container's time namespace: %w", err)
		}
		if !same {
			return nil
		}
	}
	return nil
}

// namespace returns what config.json says about namespaces of type t.
func (e *execution) namespace(t specs.LinuxNamespaceType) (path string, kind spec.NamespaceKind) {
	return spec.Namespace(e.saved.Spec(), t)
}

// openJoinedBeforeFork opens the namespaces that berth joined before it forked the first process.
// The stub init is not in them.
func (e *execution) openJoinedBeforeFork() error {
	types := slices.Clone(e.data.JoinedBeforeFork)
	if _, kind := e.namespace(specs.CgroupNamespace); kind == spec.Path {
		types = append(types, specs.CgroupNamespace)
	}
	for _, t := range types {
		name := namespace.Files[t]
		if name == "" {
			return record.Damaged("a process cannot join a %.40q namespace before it is forked", t)
		}
		theirs := fmt.Sprintf("/proc/%d/ns/%s", e.c.Process.Pid, name)
		same, err := sameFile(theirs, "/proc/self/ns/"+name)
		if err == nil && !same {
			var ns *os.File
			if ns, err = os.Open(theirs); err == nil {
				e.files.JoinBeforeFork = append(e.files.JoinBeforeFork, ns)
			}
		}
		if err == nil && !e.c.Process.Alive() {
			err = unix.ESRCH
		}
		if err != nil {
			return fmt.Errorf("open the container's %s namespace: %w", t, err)
		}
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}

// adopt moves the waiting process into its cgroup and resctrl group, and onto its final CPUs.
func (e *execution) adopt(pid int, o *backends.ExecOptions) error {
	if err := e.enterCgroup(pid, o.Cgroup); err != nil {
		return err
	}
	if err := e.data.Resctrl.Enter(pid); err != nil {
		return err
	}
	if a := e.process.ExecCPUAffinity; a != nil && a.Final != "" {
		list, err := initproc.ParseCPUs(a.Final)
		if err == nil {
			err = initproc.SetCPUs(pid, list)
		}
		if err != nil {
			return &spec.FieldError{Path: "process.execCPUAffinity.final", Err: err}
		}
	}
	return nil
}

// enterCgroup moves the process into the container's cgroup, or into the cgroup below it that the
// caller names. If the container has made cgroups below its own, its processes may have had to
// leave its own cgroup (the "no internal processes" rule). The process then goes to the cgroup of
// the first process.
func (e *execution) enterCgroup(pid int, sub string) error {
	own, err := e.data.OpenCgroup()
	if errors.Is(err, cgroup.ErrGone) {
		return e.follow(pid, sub)
	}
	if err != nil {
		return err
	}
	defer own.Close()
	if sub != "" {
		return enterBelow(own, sub, pid)
	}
	err = own.Enter(pid)
	if err != nil && !own.Exists() {
		return e.follow(pid, sub)
	}
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	limits, lerr := e.data.OpenLimits()
	if lerr != nil {
		return err
	}
	defer limits.Close()
	first, ferr := cgroup.OpenOf(e.c.Process.Pid)
	if ferr != nil {
		return err
	}
	defer first.Close()
	if !cgroup.Below(first.Path(), limits.Path()) || !limits.Exists() {
		return err
	}
	return first.Enter(pid)
}

// enterBelow moves the process into the cgroup sub below the container's cgroup.
func enterBelow(own *cgroup.Group, sub string, pid int) error {
	at := path.Join(own.Path(), sub)
	if !cgroup.Below(at, own.Path()) {
		return fmt.Errorf("--cgroup %s: bad sub cgroup path: it is outside the container's cgroup", sub)
	}
	g, err := own.Open(at)
	if err == nil {
		defer g.Close()
		err = g.Enter(pid)
	}
	if errors.Is(err, cgroup.ErrGone) || errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("--cgroup %s: the container has no such cgroup: %w", sub, &os.PathError{Op: "open", Path: filepath.Join(cgroup.Mount, at), Err: unix.ENOENT})
	}
	return err
}

// follow moves the process to the cgroup of the first process. The container's own cgroup is gone:
// only root on the host can have moved all processes out of it and removed it. If LXC's command
// sockets are in reach, follow fails, because the programs that kept the container from them went
// with the cgroup.
func (e *execution) follow(pid int, sub string) error {
	gone := fmt.Errorf("the container's cgroup %s has been removed", e.data.Cgroup)
	if sub != "" {
		return fmt.Errorf("--cgroup %s: %w", sub, gone)
	}
	if guard.Needed(e.saved.Spec()) {
		return fmt.Errorf("%w, and with it the BPF programs that keep a process in a shared network namespace from LXC's command sockets: delete the container and create it again", gone)
	}
	if err := e.enterFirst(pid); err != nil {
		return fmt.Errorf("%w; the cgroup of its first process: %w", gone, err)
	}
	return nil
}

// enterFirst moves the process into the cgroup of the first process.
func (e *execution) enterFirst(pid int) error {
	first, err := cgroup.OpenOf(e.c.Process.Pid)
	if err != nil {
		return err
	}
	defer first.Close()
	if !e.c.Process.Alive() { // another process may have the pid
		return os.ErrProcessDone
	}
	return first.Enter(pid)
}
