package create

import (
	"context"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// prepareInside moves network devices into the container, sends the init process its plan, runs the
// hooks that run on the host, and returns when only start is missing.
func (cr *creation) prepareInside(ctx context.Context) error {
	j := cr.job
	network := cr.caller.process.Pid
	if j.JoinedBeforeFork(specs.NetworkNamespace) {
		network = j.InitPid
	}
	if err := moveDevices(j.Spec, network); err != nil {
		return err
	}
	start, err := link.Listen(j.Dir)
	if err != nil {
		return err
	}
	defer start.Close()
	if profile := j.Data.Profile; profile != "" {
		cr.prep.process.AppArmorProfile = profile
	}
	plan, files := cr.prep.plan(j, cr.caller.pidfd, start)
	err = cr.initProc.Prepare(plan, files, func() error {
		return hooks.CreateRuntime(ctx, j.Spec, j.State(specs.StateCreating))
	})
	if err == nil && j.ForksProcess() {
		err = cr.adopt()
	}
	return err
}

// adopt takes over the user process that the init process has forked.
func (cr *creation) adopt() (err error) {
	j := cr.job
	if j.Process, err = backends.FindProcess(cr.initProc.Pid); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cr.watchProcess(); err != nil {
		return err
	}
	if err := cr.placeParkedInit(); err != nil {
		return err
	}
	if err := j.Data.Resctrl.Enter(cr.initProc.Pid); err != nil {
		return err
	}
	if err := cr.prep.process.GrantChild(cr.initProc.Pid); err != nil {
		return err
	}
	return cr.prep.process.Schedule(cr.initProc.Pid)
}

// placeParkedInit moves the parked init into the container's cgroup if config.json has
// startContainer hooks. The hooks are children of the parked init, so the container's limits apply
// to them and a kill of the container ends them. Without startContainer hooks the parked init moves
// to berth's own cgroup.
func (cr *creation) placeParkedInit() error {
	j := cr.job
	if h := j.Spec.Hooks; h != nil && len(h.StartContainer) > 0 {
		return cr.group.Load().Enter(cr.initProc.ParkedInit())
	}
	own, err := cgroup.OpenOf(os.Getpid())
	if err != nil {
		return fmt.Errorf("find berth's own cgroup: %w", err)
	}
	defer own.Close()
	return own.Enter(cr.initProc.ParkedInit())
}

// plan returns the plan for the init process, and the descriptors that go with it.
func (p *preparation) plan(j *enclosure.Job, stubInit, start *os.File) (*initproc.Plan, []*os.File) {
	s := j.Spec
	plan := &initproc.Plan{
		Hostname: s.Hostname, Domainname: s.Domainname,
		Root: p.root, RootFiles: len(p.files),
		Process:         p.process,
		Terminal:        s.Process.Terminal,
		Console:         s.Process.ConsoleSize,
		ConsoleSocket:   initproc.None,
		HostTree:        initproc.None,
		HostHooks:       spec.HasHooks(s, spec.Prestart, spec.CreateRuntime),
		CreateContainer: spec.Hooks(s, spec.CreateContainer),
		StartContainer:  spec.Hooks(s, spec.StartContainer),
		State:           j.State(specs.StateCreating),
		Inherited:       p.inherited,
	}
	files := append([]*os.File{}, p.files...)
	add := func(f *os.File) int {
		files = append(files, f)
		return len(files) - 1
	}
	flags, loopback := joined(j)
	plan.Loopback = loopback
	plan.Namespaces, plan.Member, plan.MountNamespace = flags, add(stubInit), initproc.None
	if f, ok := j.Joined[specs.MountNamespace]; ok {
		plan.MountNamespace = add(f)
	}
	plan.StartSocket = add(start)
	plan.PIDNamespace = initproc.None
	if f, ok := j.Joined[specs.PIDNamespace]; ok {
		plan.PIDNamespace = add(f)
		_, kind := j.Namespace(specs.TimeNamespace)
		plan.NewTime, plan.Offsets = kind == spec.New, offsets(s)
	}
	if p.console != nil {
		plan.ConsoleSocket = add(p.console)
	}
	if a := j.Data.Attachment; a != nil {
		plan.At = a.At
	} else if spec.HasHooks(s, spec.Prestart, spec.CreateRuntime, spec.CreateContainer) {
		plan.At = j.Rootfs
		if p.hostTree != nil {
			plan.HostTree = add(p.hostTree)
		}
	}
	return plan, files
}

// joined returns the namespaces of the stub init that the init process has to enter, as CLONE_NEW*
// flags. Namespaces of the host are left out: the init process is in them already, and a process in
// a user namespace lacks the rights to enter them again. Namespaces that were joined before the
// fork are left out too. An existing cgroup namespace is always one of these, because LXC would
// make a new one. loopback is true if the network namespace is new.
func joined(j *enclosure.Job) (flags int, loopback bool) {
	s := j.Spec
	if !rootfs.SharedMountNamespace(s) {
		flags = unix.CLONE_NEWNS
	}
	for _, t := range namespace.Joinable {
		_, kind := spec.Namespace(s, t)
		if kind != spec.Host && !j.JoinedBeforeFork(t) {
			flags |= namespace.CloneFlags[t]
		}
		if t == specs.NetworkNamespace && kind == spec.New {
			loopback = true
		}
	}
	return flags, loopback
}
