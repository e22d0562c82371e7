package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime/state"
	"github.com/berth-oci/berth/spec"
)

// CreateOptions are the options of Create.
type CreateOptions struct {
	backends.CreateOptions
	// Bundle is the bundle's directory.
	Bundle string
	// Choose returns the name of the backend for the container.
	Choose func(id string, b *bundle.Bundle) (string, error)
	// SystemdCgroup is true if linux.cgroupsPath has systemd's form, slice:prefix:name.
	SystemdCgroup bool
	// NoCgroup asks for a container without a cgroup of its own.
	NoCgroup bool
	// Inherited is the number of descriptors that the caller left open, counted from 3 up to the
	// first gap.
	Inherited int
}

// Plan is a container that is to be made: its bundle is loaded, and its backend is chosen.
type Plan struct {
	ID      string
	Bundle  *bundle.Bundle
	Backend string
	Options CreateOptions
}

// NewPlan checks the container's id and its bundle, and chooses the backend. It makes nothing.
func NewPlan(id string, o CreateOptions) (*Plan, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	bun, err := bundle.Load(o.Bundle)
	if err != nil {
		return nil, err
	}
	logWarnings(bun.Warnings)
	name, err := o.Choose(id, bun)
	if err != nil {
		return nil, err
	}
	o.Config = bun.Config
	return &Plan{ID: id, Bundle: bun, Backend: name, Options: o}, nil
}

// Container returns what Create would know of the container in the state directory root before it
// makes anything.
func (p *Plan) Container(root string) *backends.Container {
	c := &backends.Container{ID: p.ID, Root: root, Dir: filepath.Join(root, p.ID)}
	p.fill(c)
	return c
}

// fill writes what the plan says of the container into its record.
func (p *Plan) fill(c *backends.Container) {
	s := p.Bundle.Spec
	c.OCIVersion = s.Version
	c.Backend = p.Backend
	c.Bundle = p.Bundle.Dir
	c.Rootfs = p.Bundle.Rootfs
	c.Annotations = s.Annotations
	c.Created = time.Now().UTC()
	c.Creator, _ = backends.FindProcess(os.Getpid())
	c.SystemdCgroup = p.Options.SystemdCgroup
	if s.Linux != nil {
		c.CgroupsPath = s.Linux.CgroupsPath
	}
	c.Owner = owner()
}

// Create makes a container. If it fails, nothing of the container is left, or the error says what
// is left.
func (r *Runtime) Create(ctx context.Context, p *Plan) (*backends.Container, error) {
	j, err := r.accept(p)
	if err != nil {
		return nil, err
	}
	return r.create(ctx, j)
}

// job is a plan that the backend has accepted.
type job struct {
	*Plan
	backend backends.Backend
	// catches is true if the signals that berth receives are meant for the container.
	catches bool
}

// accept has the backend check config.json.
func (r *Runtime) accept(p *Plan) (*job, error) {
	b, err := r.backend(p.Backend)
	if err != nil {
		return nil, err
	}
	if err := check(b, p.Bundle.Spec).Err(); err != nil {
		return nil, fmt.Errorf("the %s backend cannot run this container: %w", p.Backend, err)
	}
	return &job{Plan: p, backend: b}, nil
}

// logWarnings logs fields of config.json that have no effect as warnings, and all other warnings at
// debug level.
func logWarnings(list spec.Problems) {
	var ignored []error
	for _, w := range list {
		if w.Ignored {
			ignored = append(ignored, errors.New("config.json: "+w.String()))
		} else {
			logrus.Debug("config.json: ", w)
		}
	}
	backends.LogWarnings(ignored)
}

// check lists the fields that a backend cannot honour. The spec lets process be missing until start
// (config.md#process), but berth's own backends make the process in create and need it there.
func check(b backends.Backend, s *specs.Spec) spec.Problems {
	if s.Process == nil {
		return spec.Problems{{Path: "process", Level: spec.Error, Message: "process property must not be empty", Ref: "config.md#process"}}
	}
	return b.Check(s)
}

// create makes the container that j describes.
func (r *Runtime) create(ctx context.Context, j *job) (*backends.Container, error) {
	if err := checkOptions(j); err != nil {
		return nil, err
	}
	e, err := r.Claim(ctx, j.Plan)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	j.laterHooks(e.Container)
	ctx, stop := j.cancellable(ctx)
	defer stop()
	err = enclose(ctx, e, j)
	switch {
	case err == nil:
		return e.Container, nil
	case errors.Is(err, backends.ErrLeftBehind):
		// The engine takes this error to mean that there is no container, and never calls delete.
		// So berth itself has to remove the rest later.
		return nil, r.owe(r.store, e, err)
	}
	// The container is gone. The poststop hooks undo what earlier hooks did, so they run now
	// (runtime.md#lifecycle).
	poststop(context.WithoutCancel(ctx), e.Container)
	return nil, e.Discard(err)
}

// Claim makes and locks the record of a new container, whichever backend it gets. It does not save
// the record. If the id belongs to a container that has only a record left, or whose delete did not
// finish, Claim clears that one away first. Otherwise the error wraps state.ErrExist.
func (r *Runtime) Claim(ctx context.Context, p *Plan) (*state.Entry, error) {
	e, err := r.store.Create(p.ID)
	if errors.Is(err, state.ErrExist) {
		r.elsewhere.Clear(p.ID)
		if c, readErr := r.store.Read(p.ID); readErr == nil && c.Owed != nil {
			if err := r.clearTheWay(ctx, p.ID); err != nil {
				return nil, fmt.Errorf("container %q: %w: its delete is not finished: %w", p.ID, state.ErrExist, err)
			}
		}
		e, err = r.store.Create(p.ID)
	}
	if err != nil {
		return nil, err
	}
	if holder := r.elsewhere.Holder(p.ID); holder != "" {
		return nil, e.Discard(fmt.Errorf("container %q: %w: %s has it, but berth has no record of it", p.ID, state.ErrExist, holder))
	}
	p.fill(e.Container)
	r.note(e.Container)
	return e, nil
}

// laterHooks records the hooks that later commands run.
func (j *job) laterHooks(c *backends.Container) {
	if s := j.Bundle.Spec; spec.HasHooks(s, spec.Poststart, spec.Poststop) {
		c.Hooks = &backends.LaterHooks{Poststart: spec.Hooks(s, spec.Poststart), Poststop: spec.Hooks(s, spec.Poststop)}
	}
}

func enclose(ctx context.Context, e *state.Entry, j *job) error {
	if err := e.Save(); err != nil {
		return err
	}
	if err := offerNotify(e.Container, j.Bundle.Spec); err != nil {
		return err
	}
	if err := j.backend.Create(ctx, e.Container, j.Bundle.Spec, j.Options.CreateOptions, e.Save); err != nil {
		return err
	}
	e.Complete = true
	if err := e.Save(); err != nil {
		return takeBack(ctx, e, j, err)
	}
	if j.Options.PidFile == "" {
		return nil
	}
	if err := writePidFile(j.Options.PidFile, e.Process.Pid); err != nil {
		return takeBack(ctx, e, j, err)
	}
	return nil
}

// takeBack deletes a container that was made but is of no use because a later step failed with err.
// It returns err, and adds backends.ErrLeftBehind if the delete fails too.
func takeBack(ctx context.Context, e *state.Entry, j *job, err error) error {
	left := j.backend.Delete(context.WithoutCancel(ctx), e.Container, true)
	if left == nil {
		return err
	}
	return fmt.Errorf("%w; %w (berth delete --force %s tries again): %w", err, backends.ErrLeftBehind, e.ID, left)
}
