package enclosing

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
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/spec"
)

// raiseTimeout bounds the time in which an enclosure has to stand. Proxmox VE
// waits 10 s for a lock of its own.
const startTimeout = 2 * time.Minute

// creation is one run of Create.
type creation struct {
	Backend
	job      *Job
	opts     *backends.CreateOptions
	initProc *initproc.Process
	// first is the init process, for others than the goroutine that creates.
	first atomic.Pointer[backends.Process]
	// placed is the container's cgroup, once the init process is about to be in it.
	placed atomic.Pointer[string]
	oom    oomWatch
}

// Create makes the container in this order: the init process; the enclosure around
// it; the init process's own preparation inside, with the hooks in between. Each step
// is recorded before it is taken, and undone when a later one fails.
func (b Backend) Create(ctx context.Context, c *backends.Container, s *specs.Spec, o backends.CreateOptions, save func() error) error {
	ready := make(chan struct{})
	cr := &creation{Backend: b, opts: &o, job: &Job{Container: c, Spec: s, Data: &Data{}, Ready: ready, save: save}}
	defer cr.oom.end()
	watched, stop := cr.watch(ctx)
	err := cr.run(watched, ready)
	cause := stop()
	if err == nil {
		cr.initProc.Close()
		return nil
	}
	err = cr.reason(cause, err)
	// The caller may have given up, which must not keep us from cleaning up.
	return errors.Join(err, cr.undo(context.WithoutCancel(ctx)))
}

func (cr *creation) run(ctx context.Context, ready chan struct{}) error {
	j := cr.job
	if err := cr.Usable(); err != nil {
		return err
	}
	fileSize, err := raiseFileSize()
	if err != nil {
		return err
	}
	limits, err := resources(j.Spec)
	if err != nil {
		return err
	}
	if err := cgroup.Preflight(limits).Err(); err != nil {
		return err
	}
	backends.LogWarnings(cgroup.Ignored(limits))
	setPidsLimit := deferPidsLimit(limits)
	if err := cr.mount(j); err != nil {
		return err
	}
	prep, err := prepare(j, cr.opts)
	if err != nil {
		return err
	}
	defer prep.close()
	keepFileSize(prep.process, fileSize)
	if j.namespaces, err = openNamespaces(j.Spec); err != nil {
		return err
	}
	defer j.namespaces.close()
	if err := keepInCgroup(prep.process, j.Spec, j.namespaces[specs.NetworkNamespace]); err != nil {
		return err
	}
	if err := j.findJoinedBeforeFork(); err != nil {
		return err
	}
	if err := cr.PlanCgroup(j); err != nil {
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
	if err := saveConfig(j, cr.opts); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cr.spawn(prep); err != nil {
		return err
	}
	guard, err := cr.openGuard()
	if err != nil {
		return err
	}
	if guard != nil {
		defer guard.Close()
	}
	if !cr.HostTree() {
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
	if err := j.guard(guard); err != nil {
		return err
	}
	if err := j.ownCgroup(); err != nil {
		return err
	}
	cr.oom.begin(j.Data.Limits)
	if err := limit(j.Data, limits); err != nil {
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
		if err := limit(j.Data, limits); err != nil {
			return err
		}
	}
	if err := caller.awaitBare(); err != nil {
		return err
	}
	return cr.finish()
}

// stageTasks is more than the tasks that an init process has.
const initThreads = 64

// deferPidsLimit takes a limit away that the init process's own threads could exceed: it is set
// when the init process has all of them. It returns how, or nil if there is no such limit.
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

// spawn starts the init process and notes what came of its namespaces.
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
	if !j.forksProcess() {
		if err := prep.process.Grant(j.InitPid); err != nil {
			return err
		}
	}
	if cfg.NewUser || cfg.UserPath != "" {
		if j.UIDMap, j.GIDMap, err = idMaps(j.InitPid); err != nil {
			return err
		}
		if p := j.Spec.Process; p != nil && !p.Terminal {
			if err := givePipes(cfg.Stdio, p.User.UID, j.UIDMap); err != nil {
				return err
			}
		}
	}
	if cfg.UserPath != "" {
		return checkJoined(j)
	}
	return nil
}

// raise makes the enclosure, and returns the stub init when it has called. The
// enclosure's tool may not be done by then; wait waits for it.
func (cr *creation) startEnclosure(ctx context.Context, ready chan struct{}) (*caller, func() error, error) {
	l, err := cr.job.listen()
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
	go func() { started <- cr.StartEnclosure(ctx, cr.job) }()
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
			// The enclosure's tool may hang without it.
			cancel()
			if err := wait(); !errors.Is(c.err, errInitGone) {
				return nil, nil, errors.Join(c.err, err)
			}
			return nil, nil, cr.initProc.Said()
		}
		close(ready)
		return c.caller, wait, nil
	case err := <-started:
		// It stands, so the stub init is about to call; or else it has failed.
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

// enter ties the init process and the enclosure together: the stub init waits for the
// init process, the init process is in the enclosure's cgroup. If another process is to be the
// user's, the stub init waits for that (settle), which is born in the init process's cgroup:
// others may see it from its first moment on, and must not get out of theirs by it.
func (cr *creation) attach(prep *preparation, caller *caller) error {
	j := cr.job
	j.Data.StubInit = caller.process
	ppid, err := backends.Parent(caller.process.Pid)
	if err == nil {
		j.Data.Monitor, err = backends.FindProcess(ppid)
	}
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	path, err := cgroup.Of(caller.process.Pid)
	if err != nil {
		return fmt.Errorf("the enclosure ended: %w", err)
	}
	j.Data.Cgroup = path
	cr.placed.Store(&path)
	j.Data.LimitsID = cgroup.ID(j.Data.Limits)
	if j.Data.Profile, err = j.ownProfile(); err != nil {
		return err
	}
	if err := j.Save(); err != nil {
		return err
	}
	if err := cgroup.Enter(path, j.InitPid); err != nil || j.forksProcess() {
		return err
	}
	return cr.watchProcess(caller, prep.process.Capabilities.Bounding)
}

// settle takes over the user's process, which the init process has borne.
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

// placeKeeper has the init process, whose children the hooks of startContainer are, in the
// container's cgroup if there are some, so that its limits are theirs, and what
// ends it ends them; else out of it.
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

// limit applies the container's limits before anything of it runs.
func limit(d *Data, r *cgroups.Resources) error {
	if !d.Scope {
		err := cgroup.Limit(d.Limits, r)
		if err == nil && d.Cgroup != d.Limits {
			err = cgroup.LimitInner(d.Cgroup, r)
		}
		return err
	}
	place, err := cgroup.At(d.Limits, true)
	if err != nil {
		return err
	}
	return place.Limit(r)
}

// prepareInside sends the init process its plan and serves it until only start is
// missing.
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
	if err == nil && j.forksProcess() {
		err = cr.adopt(prep, caller)
	}
	return err
}

// finish records the container as created and lets the init process go.
func (cr *creation) finish() error {
	j := cr.job
	if err := j.linkProcess(); err != nil {
		return err
	}
	j.Complete = true
	if err := j.Save(); err != nil {
		return err
	}
	if cr.opts.PidfdSocket != "" {
		if err := sendPidfd(cr.opts.PidfdSocket, cr.initProc.Pidfd); err != nil {
			return err
		}
	}
	if err := cr.initProc.Free(); err != nil {
		return err
	}
	_ = os.RemoveAll(filepath.Join(j.StubInitDir(), StubInitSocket))
	return nil
}
