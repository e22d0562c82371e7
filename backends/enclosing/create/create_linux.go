// Package create makes a container up to the point where only start is missing.
package create

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/cleanup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/backends/lxcsocket"
)

// creation is one run of create. Later steps read what earlier ones have set.
type creation struct {
	tool enclosure.Tool
	job  *enclosure.Job
	opts *backends.CreateOptions
	// ready is closed when the stub init has called. The tool has it in job.
	ready chan struct{}
	// undo holds what removes what the steps so far have made.
	undo cleanup.Stack

	// Set by prepare:

	prep   *preparation
	limits *cgroups.Resources
	// restorePidsLimit puts a pids limit into limits that the init process would exceed, or is nil.
	restorePidsLimit func()

	// Set by spawn:

	initProc *initproc.Process
	// first is the init process, for goroutines other than the one that runs create.
	first atomic.Pointer[backends.Process]
	// guard is nil if the container needs none.
	guard *lxcsocket.Guard

	// Set by startEnclosure:

	caller *caller
	// wait waits until the tool has started the enclosure, and returns its error.
	wait func() error

	// Set by attach:

	// group is the container's cgroup. It is set when the init process is about to move into it.
	// Run closes it, after the goroutine that watches create has ended.
	group atomic.Pointer[cgroup.Group]

	// Set by limit:

	oom oomWatch
}

// Run makes the container: it starts the init process, starts the enclosure around it, and has the
// init process prepare itself inside. Hooks run in between. Run records each step before it takes
// it. If a step fails, it undoes all of them. If that fails too, the error wraps
// backends.ErrLeftBehind.
func Run(ctx context.Context, t enclosure.Tool, c *backends.Container, s *specs.Spec, o backends.CreateOptions, save func() error) error {
	ready := make(chan struct{})
	cr := &creation{tool: t, job: enclosure.NewJob(c, s, ready, save), opts: &o, ready: ready}
	defer cr.oom.end()
	defer cr.closeGroup()
	// The first process of a pid namespace ends only after the enclosure's init: see
	// container.Remove. So the init process is killed first, and waited for last.
	cr.undo = cleanup.Make(cr.reap)
	cr.undo.Add(func() error { return cr.remove(context.WithoutCancel(ctx)) }) // even if the caller has given up
	watched, stop := cr.watch(ctx)
	err := cr.run(watched)
	cause := stop()
	if err != nil {
		err = cr.reason(cause, err)
		return errors.Join(err, cr.undo.Clean())
	}
	cr.undo.Release()
	cr.initProc.Close()
	return nil
}

// run takes the steps of create.
func (cr *creation) run(ctx context.Context) error {
	defer cr.close()
	for _, step := range []func(context.Context) error{
		cr.prepare,        // everything that can fail because of the config
		cr.plan,           // the enclosure's name and cgroup, recorded before anything exists
		cr.spawn,          // the init process
		cr.openRoot,       // the root, the sources of mounts and the device nodes, on the host
		cr.startEnclosure, // the enclosure around the init process, until the stub init calls
		cr.attach,         // the init process into the container's cgroup
		cr.limit,          // the container's limits
		cr.prepareInside,  // the init process in its namespaces and its root, the hooks
		cr.awaitEnclosure, // the tool, and the stub init without its rights
		cr.finish,         // the complete record
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (cr *creation) closeGroup() {
	if g := cr.group.Load(); g != nil {
		g.Close()
	}
}

// close closes what the steps have opened for themselves.
func (cr *creation) close() {
	if cr.caller != nil {
		cr.caller.close()
	}
	if cr.guard != nil {
		cr.guard.Close()
	}
	cr.job.Joined.Close()
	if cr.prep != nil {
		cr.prep.close()
	}
}
