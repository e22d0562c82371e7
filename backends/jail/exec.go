package jail

import (
	"context"
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/jail/jailed"
	"github.com/berth-oci/berth/spec"
)

// Exec runs another process in the container. The process is a child of the caller that enters the
// jail and execs. No process in the jail can look into it before the exec.
func (b *Backend) Exec(_ context.Context, c *backends.Container, p *specs.Process, o backends.ExecOptions) (backends.Process, error) {
	made, err := b.exec(c, p, &o)
	if err != nil && !c.Process.Alive() {
		// Whatever failed, it failed because the container ended.
		return backends.Process{}, fmt.Errorf("%w: %w", os.ErrProcessDone, err)
	}
	return made, err
}

func (b *Backend) exec(c *backends.Container, p *specs.Process, o *backends.ExecOptions) (backends.Process, error) {
	none := backends.Process{}
	d, err := data(c)
	if err != nil {
		return none, err
	}
	switch {
	case o.Cgroup != "":
		return none, errors.New("--cgroup: FreeBSD has no cgroups")
	case o.PidfdSocket != "":
		return none, errors.New("--pidfd-socket: FreeBSD has no pidfds")
	}
	if err := append(spec.CheckProcess(p, spec.FreeBSD), unsupported(&specs.Spec{Process: p})...).Err(); err != nil {
		return none, err
	}
	plan, err := planOf(p)
	if err != nil {
		return none, err
	}
	plan.JID, plan.Root = d.JID, d.path()
	if plan.Inherited, err = link.Inheritable(0, o.PreserveFDs); err != nil {
		return none, err
	}
	var files []*os.File
	if plan.Terminal {
		console, err := link.DialConsole(o.ConsoleSocket)
		if err != nil {
			return none, err
		}
		defer console.Close()
		files, plan.ConsoleSocket = []*os.File{console}, 0
	}
	return b.runBeside(plan, files, o)
}

// runBeside starts the process and waits until it has executed its program.
func (b *Backend) runBeside(plan *jailed.Plan, files []*os.File, o *backends.ExecOptions) (backends.Process, error) {
	h, err := jailed.Spawn(&jailed.Config{Stdio: backends.OwnStdio(o.Stdio), Inherited: plan.Inherited})
	if err != nil {
		return backends.Process{}, err
	}
	defer h.Conn.Close()
	made, err := backends.FindProcess(h.Pid)
	if err == nil {
		err = h.Enclose()
	}
	if err == nil {
		err = h.Prepare(plan, files, nil)
	}
	if err == nil {
		err = h.Release()
	}
	if err != nil {
		jailed.Kill(h)
		return backends.Process{}, err
	}
	return made, nil
}
