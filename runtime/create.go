package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// Create makes the container id from a bundle. If it fails, nothing of the container is left, or
// the error says what is left.
func (r *Runtime) Create(ctx context.Context, id string, o CreateOptions) (*backends.Container, error) {
	j, err := r.plan(id, &o)
	if err != nil {
		return nil, err
	}
	return r.create(ctx, j)
}

// job is a container that plan has accepted: its bundle is loaded and its backend chosen.
type job struct {
	id      string
	bundle  *bundle.Bundle
	backend backends.Backend
	options *CreateOptions
	// catches is true if the signals that berth receives are meant for the container.
	catches bool
}

// plan checks the bundle and chooses the container's backend. It makes nothing.
func (r *Runtime) plan(id string, o *CreateOptions) (*job, error) {
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
	b, err := r.backend(name)
	if err != nil {
		return nil, err
	}
	if err := check(b, bun.Spec).Err(); err != nil {
		return nil, fmt.Errorf("the %s backend cannot run this container: %w", name, err)
	}
	o.Config = bun.Config
	return &job{id: id, bundle: bun, backend: b, options: o}, nil
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
	if _, ok := b.(backends.Delegating); !ok && s.Process == nil {
		return spec.Problems{{Path: "process", Level: spec.Error, Message: "process property must not be empty", Ref: "config.md#process"}}
	}
	return b.Check(s)
}

// create makes the container that j describes.
func (r *Runtime) create(ctx context.Context, j *job) (*backends.Container, error) {
	if d, ok := j.backend.(backends.Delegating); ok {
		e, err := r.delegate(j, d)
		if err != nil {
			return nil, err
		}
		defer e.Close()
		return e.Container, r.carry(e, func() error {
			return d.Create(ctx, e.Container, j.bundle.Spec, j.options.CreateOptions, nil)
		})
	}
	if err := checkOptions(j); err != nil {
		return nil, err
	}
	e, err := r.record(ctx, j)
	if err != nil {
		return nil, err
	}
	defer e.Close()
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
	return nil, discard(e, err)
}

// record makes and locks the record of a new container. If the id belongs to a container that has
// only a record left, or whose delete did not finish, record clears that one away first. Otherwise
// the error wraps state.ErrExist.
func (r *Runtime) record(ctx context.Context, j *job) (*state.Entry, error) {
	e, err := r.store.Create(j.id)
	if errors.Is(err, state.ErrExist) {
		switch c, readErr := r.store.Read(j.id); {
		case readErr == nil && r.over(c):
			r.discardOver(j.id)
		case readErr == nil && c.Owed != nil:
			if err := r.clearTheWay(ctx, j.id); err != nil {
				return nil, fmt.Errorf("container %q: %w: its delete is not finished: %w", j.id, state.ErrExist, err)
			}
		}
		e, err = r.store.Create(j.id)
	}
	if err != nil {
		return nil, err
	}
	if _, d := r.holder(j.id); d != nil {
		err := fmt.Errorf("container %q: %w: %s has it, but berth has no record of it", j.id, state.ErrExist, d.Name())
		return nil, discard(e, err)
	}
	fill(e.Container, j)
	r.note(e.Container)
	return e, nil
}

func enclose(ctx context.Context, e *state.Entry, j *job) error {
	if err := e.Save(); err != nil {
		return err
	}
	if err := offerNotify(e.Container, j.bundle.Spec); err != nil {
		return err
	}
	if err := j.backend.Create(ctx, e.Container, j.bundle.Spec, j.options.CreateOptions, e.Save); err != nil {
		return err
	}
	e.Complete = true
	if err := e.Save(); err != nil {
		return takeBack(ctx, e, j, err)
	}
	if j.options.PidFile == "" {
		return nil
	}
	if err := writePidFile(j.options.PidFile, e.Process.Pid); err != nil {
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

// discard removes the record of a create that failed with err, and returns err. It keeps the record
// if err wraps backends.ErrLeftBehind, because delete needs it then.
func discard(e *state.Entry, err error) error {
	if errors.Is(err, backends.ErrLeftBehind) {
		return err
	}
	if removeErr := e.Remove(); removeErr != nil {
		return errors.Join(err, removeErr)
	}
	return err
}

func fill(c *backends.Container, j *job) {
	s := j.bundle.Spec
	c.OCIVersion = s.Version
	c.Backend = j.backend.Name()
	c.Bundle = j.bundle.Dir
	c.Rootfs = j.bundle.Rootfs
	c.Annotations = s.Annotations
	c.Created = time.Now().UTC()
	c.Creator, _ = backends.FindProcess(os.Getpid())
	c.SystemdCgroup = j.options.SystemdCgroup
	if s.Linux != nil {
		c.CgroupsPath = s.Linux.CgroupsPath
	}
	c.Owner = owner()
	if _, ok := j.backend.(backends.Delegating); ok {
		return // the other runtime runs the hooks itself
	}
	if spec.HasHooks(s, spec.Poststart, spec.Poststop) {
		c.Hooks = &backends.LaterHooks{Poststart: spec.Hooks(s, spec.Poststart), Poststop: spec.Hooks(s, spec.Poststop)}
	}
}
