// Package create makes a container up to the point where only start is missing.
package create

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/guard"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/backends/enclosing/savedconfig"
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/spec"
)

// startTimeout bounds the time that an enclosure may take to start. Proxmox VE alone waits up to
// 10 s for a lock.
const startTimeout = 2 * time.Minute

// creation is one run of Create.
type creation struct {
	tool     enclosure.Tool
	job      *enclosure.Job
	opts     *backends.CreateOptions
	initProc *initproc.Process
	// first is the init process, for goroutines other than the one that runs Create.
	first atomic.Pointer[backends.Process]
	// placed is the container's cgroup. It is set when the init process is about to move into it.
	placed atomic.Pointer[string]
	oom    oomWatch
}

// Run makes the container in three steps: it starts the init process, starts the enclosure
// around it, and has the init process prepare itself inside. Hooks run in between. Run records each
// step before it takes it, and undoes it if a later step fails.
func Run(ctx context.Context, t enclosure.Tool, c *backends.Container, s *specs.Spec, o backends.CreateOptions, save func() error) error {
	ready := make(chan struct{})
	cr := &creation{tool: t, opts: &o, job: enclosure.NewJob(c, s, ready, save)}
	defer cr.oom.end()
	watched, stop := cr.watch(ctx)
	err := cr.run(watched, ready)
	cause := stop()
	if err == nil {
		cr.initProc.Close()
		return nil
	}
	err = cr.reason(cause, err)
	// Clean up even if the caller has given up.
	return errors.Join(err, cr.undo(context.WithoutCancel(ctx)))
}

func (cr *creation) run(ctx context.Context, ready chan struct{}) error {
	j := cr.job
	if err := cr.tool.Usable(); err != nil {
		return err
	}
	fileSize, err := raiseFileSize()
	if err != nil {
		return err
	}
	limits, err := cgroup.Resources(j.Spec.Linux.Resources, j.Spec.Linux.Devices)
	if err != nil {
		return err
	}
	if err := cgroup.Preflight(limits).Err(); err != nil {
		return err
	}
	backends.LogWarnings(cgroup.Ignored(limits))
	setPidsLimit := deferPidsLimit(limits)
	if err := j.AddMounts(cr.tool); err != nil {
		return err
	}
	prep, err := prepare(j, cr.opts)
	if err != nil {
		return err
	}
	defer prep.close()
	keepFileSize(prep.process, fileSize)
	if j.Joined, err = namespace.OpenAll(j.Spec); err != nil {
		return err
	}
	defer j.Joined.Close()
	if err := guard.KeepInCgroup(prep.process, j.Spec, j.Joined[specs.NetworkNamespace]); err != nil {
		return err
	}
	if err := findJoinedBeforeFork(j); err != nil {
		return err
	}
	if err := cr.tool.PlanCgroup(j); err != nil {
		return err
	}
	if j.Data.Limits != "" {
		if err := j.Data.Claim(); err != nil {
			return err
		}
	}
	if err := planResctrl(j); err != nil {
		return err
	}
	j.Data.SharedPIDs = !j.OwnPIDs()
	if err := savedconfig.Save(j.Container, j.Spec, cr.opts); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cr.spawn(prep); err != nil {
		return err
	}
	socketGuard, err := guard.Open(j)
	if err != nil {
		return err
	}
	if socketGuard != nil {
		defer socketGuard.Close()
	}
	if !cr.tool.HostTree() {
		if err := prep.openHostTree(j); err != nil {
			return err
		}
	}
	if err := prep.openRoot(j); err != nil {
		return err
	}
	if err := findAttachment(j); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cr.initProc.Enclose(); err != nil {
		return err
	}
	caller, wait, err := cr.startEnclosure(ctx, ready)
	if err != nil {
		return err
	}
	defer caller.close()
	if err := cr.attach(prep, caller); err != nil {
		return err
	}
	if err := guard.Attach(socketGuard, j.Data); err != nil {
		return err
	}
	if err := ownCgroup(j); err != nil {
		return err
	}
	cr.oom.begin(j.Data.Limits)
	if err := j.Data.Limit(limits); err != nil {
		return err
	}
	if err := enterResctrl(j); err != nil {
		return err
	}
	network := caller.process.Pid
	if j.JoinedBeforeFork(specs.NetworkNamespace) {
		network = j.InitPid
	}
	if err := moveDevices(j.Spec, network); err != nil {
		return err
	}
	if err := cr.prepareInside(ctx, prep, caller); err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	if setPidsLimit != nil {
		setPidsLimit()
		limits.SkipDevices = true
		if err := j.Data.Limit(limits); err != nil {
			return err
		}
	}
	if err := caller.awaitBare(); err != nil {
		return err
	}
	return cr.finish()
}

// initThreads is larger than the number of threads of an init process.
const initThreads = 64

// deferPidsLimit removes the pids limit from r if the init process's own threads could exceed it.
// It returns a function that puts the limit back, for the time when the init process has all of its
// threads. It returns nil if r has no limit that is too low.
func deferPidsLimit(r *cgroups.Resources) (giveBack func()) {
	limit, unified := r.PidsLimit, r.Unified[pidsMax]
	setPidsLimit := limit != nil && *limit >= 0 && *limit < initThreads
	n, err := strconv.ParseInt(unified, 10, 64)
	fewUnified := err == nil && n >= 0 && n < initThreads
	if !setPidsLimit && !fewUnified {
		return nil
	}
	r.PidsLimit = nil
	delete(r.Unified, pidsMax)
	return func() {
		r.PidsLimit = limit
		if unified != "" {
			r.Unified[pidsMax] = unified
		}
	}
}

const pidsMax = "pids.max"

// spawn starts the init process. It grants the process what only the host can grant, and reads the
// ID maps of its user namespace if it has one.
func (cr *creation) spawn(prep *preparation) error {
	j := cr.job
	cfg, err := initConfig(j, cr.opts, prep.inherited)
	if err != nil {
		return err
	}
	if cr.initProc, err = initproc.Spawn(cfg); err != nil {
		return err
	}
	j.InitPid = cr.initProc.Pid
	if j.Process, err = backends.FindProcess(j.InitPid); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	first := j.Process
	cr.first.Store(&first)
	if !j.ForksProcess() {
		if err := prep.process.Grant(j.InitPid); err != nil {
			return err
		}
	}
	if cfg.NewUser || cfg.UserPath != "" {
		if j.UIDMap, j.GIDMap, err = namespace.IDMaps(j.InitPid); err != nil {
			return err
		}
		if p := j.Spec.Process; p != nil && !p.Terminal {
			if err := namespace.GivePipes(cfg.Stdio, p.User.UID, j.UIDMap); err != nil {
				return err
			}
		}
	}
	if cfg.UserPath != "" {
		return namespace.CheckJoined(j.Spec, j.UIDMap, j.GIDMap)
	}
	return nil
}

// startEnclosure starts the enclosure and returns the stub init when it has called. It closes ready
// at that moment. The enclosure's tool may still be running then. wait waits for it.
func (cr *creation) startEnclosure(ctx context.Context, ready chan struct{}) (*caller, func() error, error) {
	l, err := listen(cr.job)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(l.fd)
	stop, giveUp, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer stop.Close()
	defer giveUp.Close()

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	started := make(chan error, 1)
	go func() { started <- cr.tool.StartEnclosure(ctx, cr.job) }()
	type call struct {
		*caller
		err error
	}
	called := make(chan call, 1)
	go func() {
		c, err := l.accept(int(stop.Fd()), cr.initProc.Conn.FD, cr.initProc.Pid)
		called <- call{c, err}
	}()
	wait := func() error {
		defer cancel()
		return <-started
	}

	select {
	case c := <-called:
		if c.err != nil {
			// Without the stub init the enclosure's tool may hang.
			cancel()
			if err := wait(); !errors.Is(c.err, errInitGone) {
				return nil, nil, errors.Join(c.err, err)
			}
			return nil, nil, cr.initProc.Said()
		}
		close(ready)
		return c.caller, wait, nil
	case err := <-started:
		// If the enclosure is up, the stub init is about to call.
		if err == nil {
			select {
			case c := <-called:
				if c.err == nil {
					close(ready)
					return c.caller, func() error { cancel(); return nil }, nil
				}
				if err = c.err; errors.Is(err, errInitGone) {
					err = cr.initProc.Said()
				}
			case <-ctx.Done():
				err = context.Cause(ctx)
			case <-time.After(10 * time.Second):
				err = errNoStubInit
			}
		}
		cancel()
		giveUp.Close()
		return nil, nil, err
	}
}

var errNoStubInit = errors.New("the enclosure is up but its init, berth's stub init, has not called")

// attach ties the init process and the enclosure together. The stub init waits for the init
// process, and the init process moves into the enclosure's cgroup.
//
// If the init process forks the user process, the stub init waits for the user process instead
// (adopt). The user process is forked in the init process's cgroup. Others in its pid namespace may
// see it from its first moment on, and must not leave their own cgroup with its help.
func (cr *creation) attach(prep *preparation, caller *caller) error {
	j := cr.job
	if err := j.Data.Attached(caller.process); err != nil {
		return err
	}
	path := j.Data.Cgroup
	cr.placed.Store(&path)
	var err error
	if j.Data.Profile, err = ownProfile(j); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cgroup.Enter(path, j.InitPid); err != nil || j.ForksProcess() {
		return err
	}
	return cr.watchProcess(caller, prep.process.Capabilities.Bounding)
}

// adopt takes over the user process that the init process has forked.
func (cr *creation) adopt(prep *preparation, caller *caller) (err error) {
	j := cr.job
	if j.Process, err = backends.FindProcess(cr.initProc.Pid); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cr.watchProcess(caller, prep.process.Capabilities.Bounding); err != nil {
		return err
	}
	if err := cr.placeParkedInit(); err != nil {
		return err
	}
	if err := j.Data.Resctrl.Enter(cr.initProc.Pid); err != nil {
		return err
	}
	if err := prep.process.GrantChild(cr.initProc.Pid); err != nil {
		return err
	}
	return prep.process.Schedule(cr.initProc.Pid)
}

// placeParkedInit moves the parked init into the container's cgroup if config.json has
// startContainer hooks. The hooks are children of the parked init, so the container's limits apply
// to them and a kill of the container ends them. Without startContainer hooks the parked init moves
// to berth's own cgroup.
func (cr *creation) placeParkedInit() error {
	j := cr.job
	if h := j.Spec.Hooks; h != nil && len(h.StartContainer) > 0 {
		return cgroup.Enter(j.Data.Cgroup, cr.initProc.ParkedInit())
	}
	own, err := cgroup.Of(os.Getpid())
	if err != nil {
		return fmt.Errorf("berth's own cgroup: %w", err)
	}
	return cgroup.Enter(own, cr.initProc.ParkedInit())
}

// prepareInside sends the init process its plan, runs the hooks that run on the host, and returns
// when only start is missing.
func (cr *creation) prepareInside(ctx context.Context, prep *preparation, caller *caller) error {
	j := cr.job
	start, err := link.Listen(j.Dir)
	if err != nil {
		return err
	}
	defer start.Close()
	if profile := j.Data.Profile; profile != "" {
		prep.process.AppArmorProfile = profile
	}
	plan, files, err := prep.plan(j, caller.pidfd, start)
	if err != nil {
		return err
	}
	err = cr.initProc.Prepare(plan, files, func() error {
		state := j.State(specs.StateCreating)
		if err := hooks.OnHost(ctx, "prestart", spec.Hooks(j.Spec, spec.Prestart), state); err != nil {
			return err
		}
		return hooks.OnHost(ctx, "createRuntime", spec.Hooks(j.Spec, spec.CreateRuntime), state)
	})
	if err == nil && j.ForksProcess() {
		err = cr.adopt(prep, caller)
	}
	return err
}

// finish records the container as created and lets the init process outlive berth.
func (cr *creation) finish() error {
	j := cr.job
	if err := linkProcess(j); err != nil {
		return err
	}
	j.Complete = true
	if err := j.Save(); err != nil {
		return err
	}
	if cr.opts.PidfdSocket != "" {
		if err := link.SendPidfd(cr.opts.PidfdSocket, cr.initProc.Pidfd); err != nil {
			return err
		}
	}
	if err := cr.initProc.Free(); err != nil {
		return err
	}
	_ = os.RemoveAll(filepath.Join(j.StubInitDir(), enclosure.StubInitSocket))
	return nil
}

// findJoinedBeforeFork notes which of the namespaces with a path in config.json berth has to join
// before it forks the container's process. A process in a user namespace can only join namespaces
// that belong to that user namespace (setns(2)), and LXC joins the user namespace first.
// config-linux.md wants the other namespaces joined all the same.
func findJoinedBeforeFork(j *enclosure.Job) error {
	_, kind := spec.Namespace(j.Spec, specs.UserNamespace)
	if kind == spec.Host {
		return nil
	}
	for _, t := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		ns, named := j.Joined[t]
		if !named {
			continue
		}
		own, err := namespace.Belongs(ns, j.Joined[specs.UserNamespace])
		if err != nil {
			return spec.Fieldf("linux.namespaces", "the user namespace that %s belongs to: %w", ns.Name(), err)
		}
		if !own {
			j.Data.JoinedBeforeFork = append(j.Data.JoinedBeforeFork, t)
		}
	}
	return nil
}

// linkProcess makes that link, unless the pid namespace is the container's own.
func linkProcess(j *enclosure.Job) error {
	if j.OwnPIDs() {
		return nil
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d", j.Process.Pid), j.ProcessLink()); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	return nil
}
