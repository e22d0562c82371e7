// Package exec runs a further process in a container, beside the first one.
package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/agent"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/process"
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
