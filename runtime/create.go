package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/runtime/state"
	"github.com/berth-oci/berth/spec"
)

// CreateOptions say how a container is to be made.
type CreateOptions struct {
	backends.CreateOptions
	// Bundle is the directory of the bundle.
	Bundle string
	// Backend is the name of the backend.
	Backend string
	// SystemdCgroup: linux.cgroupsPath has systemd's form.
	SystemdCgroup bool
}

// Create makes a container out of a bundle. When it fails nothing of the
// container is left, or the error says what.
func (r *Runtime) Create(ctx context.Context, id string, o CreateOptions) (*backends.Container, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	b, err := r.backend(o.Backend)
	if err != nil {
		return nil, err
	}
	bun, err := bundle.Load(o.Bundle)
	if err != nil {
		return nil, err
	}
	if err := b.Check(bun.Spec).Err(); err != nil {
		return nil, fmt.Errorf("the %s backend cannot run this container: %w", b.Name(), err)
	}
	if err := checkTerminal(bun.Spec, &o); err != nil {
		return nil, err
	}
	e, err := r.store.Create(id)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	fill(e.Container, bun, &o)
	if err := create(ctx, e, b, bun.Spec, &o); err != nil {
		return nil, discard(e, err)
	}
	return e.Container, nil
}

func create(ctx context.Context, e *state.Entry, b backends.Backend, s *specs.Spec, o *CreateOptions) error {
	if err := e.Save(); err != nil {
		return err
	}
	if err := b.Create(ctx, e.Container, s, o.CreateOptions, e.Save); err != nil {
		return err
	}
	e.Complete = true
	if err := e.Save(); err != nil {
		return errors.Join(err, b.Delete(ctx, e.Container, true))
	}
	if o.PidFile == "" {
		return nil
	}
	if err := writePidFile(o.PidFile, e.Process.Pid); err != nil {
		return errors.Join(err, b.Delete(ctx, e.Container, true))
	}
	return nil
}

// discard removes the record of a create that failed, unless something is left
// that delete needs it for.
func discard(e *state.Entry, err error) error {
	if errors.Is(err, backends.ErrLeftBehind) {
		return err
	}
	return errors.Join(err, e.Remove())
}

func fill(c *backends.Container, b *bundle.Bundle, o *CreateOptions) {
	c.OCIVersion = b.Spec.Version
	c.Backend = o.Backend
	c.Bundle = b.Dir
	c.Rootfs = b.Rootfs
	c.Annotations = b.Spec.Annotations
	c.Created = time.Now().UTC()
	c.SystemdCgroup = o.SystemdCgroup
	if b.Spec.Linux != nil {
		c.CgroupsPath = b.Spec.Linux.CgroupsPath
	}
	c.Owner = owner()
	if spec.HasHooks(b.Spec, spec.Poststart, spec.Poststop) {
		c.Hooks = &specs.Hooks{Poststart: spec.Hooks(b.Spec, spec.Poststart), Poststop: spec.Hooks(b.Spec, spec.Poststop)}
	}
}
