package jail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/hooks"
	"github.com/berth-oci/berth/backends/initproc/link"
	"github.com/berth-oci/berth/backends/jail/jailed"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/backends/jail/tree"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// creation is one run of Create.
type creation struct {
	*Backend
	c        *backends.Container
	spec     *specs.Spec
	opts     *backends.CreateOptions
	data     *Data
	keep     func() error
	settings *settings
	mounts   []mount
	limits   []limit
	plan     *jailed.Plan
	console  *os.File
	root     *tree.Root
	// view is the read-only view of the root, or nil.
	view  *tree.Root
	first *link.Host
}

// Create creates the container in this order: mounts, the jail, its interfaces and limits, the
// process. Then the process enters the jail, and the hooks run in between. Each step is recorded
// before it runs and undone if a later step fails.
func (b *Backend) Create(ctx context.Context, c *backends.Container, s *specs.Spec, o backends.CreateOptions, save func() error) error {
	b = b.locked(c)
	cr := &creation{Backend: b, c: c, spec: s, opts: &o, data: &Data{}, keep: save}
	err := cr.run(ctx)
	cr.close()
	if err == nil {
		return nil
	}
	// The caller may have given up, and cleaning up must not stop because of that.
	ctx = context.WithoutCancel(ctx)
	if cr.first != nil {
		jailed.Kill(cr.first)
	}
	if undone := b.destroy(ctx, c, cr.data); undone != nil {
		err = errors.Join(err, fmt.Errorf("%w (berth delete --force %s tries again): %w", backends.ErrLeftBehind, c.ID, undone))
	}
	return err
}

func (cr *creation) close() {
	for _, root := range []*tree.Root{cr.root, cr.view} {
		if root != nil {
			root.Close()
		}
	}
	if cr.console != nil {
		cr.console.Close()
	}
	if cr.first != nil {
		cr.first.Conn.Close()
	}
}

// save writes the record, so that Delete knows about the next step.
func (cr *creation) save() error {
	data, err := json.Marshal(cr.data)
	if err != nil {
		return err
	}
	cr.c.Data = data
	if err := writeCopy(cr.c); err != nil {
		return err
	}
	return cr.keep()
}

func (cr *creation) run(ctx context.Context) error {
	if err := cr.prepare(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		cr.claim, cr.mountRoot, cr.mountAll, cr.addresses, cr.makeJail, cr.giveInterfaces, cr.limit, cr.spawn, cr.enter,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return cr.finish()
}

// prepare does everything that can fail because of the config, before anything is created.
func (cr *creation) prepare() (err error) {
	if err := cr.work(); err != nil {
		return err
	}
	cr.plan.Process.ListenFDs = cr.opts.ListenFDs
	if cr.plan.Inherited, err = link.Inheritable(cr.opts.ListenFDs, cr.opts.PreserveFDs); err != nil {
		return err
	}
	if cr.plan.Terminal {
		if cr.console, err = link.DialConsole(cr.opts.ConsoleSocket); err != nil {
			return err
		}
	}
	return nil
}

// work computes from the config what create will make, and opens the root. It changes nothing on
// the host.
func (cr *creation) work() (err error) {
	var problems, more spec.Problems
	cr.settings, problems = settingsOf(cr.spec, cr.opts.Config)
	cr.mounts, more = mountsOf(cr.spec, cr.c.Bundle)
	if err := append(problems, more...).Err(); err != nil {
		return err
	}
	if cr.opts.PidfdSocket != "" {
		return errors.New("--pidfd-socket: FreeBSD has no pidfds")
	}
	if cr.data.Jail, err = jailName(cr.c.ID, cr.settings.Parent); err != nil {
		return err
	}
	if l := cr.spec.Linux; l != nil {
		if cr.limits, problems = limitsOf(l.Resources); problems.Err() != nil {
			return problems.Err()
		}
	}
	if cr.plan, err = planOf(cr.spec.Process); err != nil {
		return err
	}
	if cr.root, err = tree.Open(cr.c.Rootfs); err != nil {
		return &spec.FieldError{Path: "root.path", Err: err}
	}
	cr.data.Root = cr.root.Path
	return nil
}

// planOf returns the plan for a process of config.json. It fails if an attribute of the process is
// invalid or unknown to this system.
func planOf(p *specs.Process) (*jailed.Plan, error) {
	basics, err := process.BasicsOf(p)
	if err != nil {
		return nil, err
	}
	limits, err := jailed.LimitsOf(p.Rlimits)
	if err != nil {
		return nil, err
	}
	return &jailed.Plan{
		Process: basics, Limits: limits, NoNewPrivileges: p.NoNewPrivileges,
		Terminal: p.Terminal, Console: p.ConsoleSize,
		ConsoleSocket: jailed.None, StartSocket: jailed.None,
	}, nil
}

// claim checks that no other jail has the container's name, and writes the first record.
func (cr *creation) claim(ctx context.Context) error {
	if _, _, err := cr.tools.Jail(ctx, cr.data.Jail); !errors.Is(err, tools.ErrNoJail) {
		if err == nil {
			err = fmt.Errorf("a jail with the name %q exists already, and does not belong to berth", cr.data.Jail)
		}
		return err
	}
	if cr.data.Mounter = cr.settings.Allow["mount"]; cr.data.Mounter {
		var err error
		if cr.data.Below, err = below(cr.data.Root); err != nil {
			return err
		}
	}
	if err := saveConfig(cr.c, &savedConfig{Process: cr.spec.Process, Limits: cr.limits}); err != nil {
		return err
	}
	return cr.save()
}

// makeJail creates the jail itself.
func (cr *creation) makeJail(ctx context.Context) error {
	parent, err := cr.parentOf(ctx, cr.settings.Parent)
	if err != nil {
		return err
	}
	if cr.settings.Parent != "" {
		lock, err := parentsLock(cr.c)
		if err != nil {
			return err
		}
		defer lock.Close()
		if err := cr.raiseParents(ctx); err != nil {
			return err
		}
	}
	cr.data.Making = true
	if err := cr.save(); err != nil {
		return err
	}
	params := cr.settings.params(cr.data.Jail, cr.data.path(), parent)
	if cr.data.JID, err = cr.tools.Create(ctx, texts(params)); err != nil {
		return err
	}
	return cr.save()
}

func (cr *creation) giveInterfaces(ctx context.Context) error {
	for _, name := range cr.settings.VnetInterfaces {
		cr.data.Interfaces = append(cr.data.Interfaces, name)
		if err := cr.save(); err != nil {
			return err
		}
		if _, err := cr.tools.Run(ctx, tools.GiveInterface(name, cr.data.Jail)); err != nil {
			return fmt.Errorf("freebsd.jail.vnetInterfaces: %w", err)
		}
	}
	return nil
}

// addresses adds the jail's addresses to an interface of the host.
func (cr *creation) addresses(ctx context.Context) error {
	for _, a := range cr.settings.aliases() {
		cr.data.Aliases = append(cr.data.Aliases, a)
		if err := cr.save(); err != nil {
			return err
		}
		if _, err := cr.tools.Run(ctx, a.add()); err != nil {
			return fmt.Errorf("freebsd.jail.interface: %w", err)
		}
	}
	return nil
}

func (cr *creation) limit(ctx context.Context) error {
	if len(cr.limits) == 0 {
		return nil
	}
	cr.data.Limited = true
	if err := cr.save(); err != nil {
		return err
	}
	for _, l := range cr.limits {
		if err := cr.addLimit(ctx, cr.data.Jail, l); err != nil {
			return err
		}
	}
	return nil
}

// spawn starts the container's process, still outside the jail.
func (cr *creation) spawn(context.Context) error {
	var err error
	if cr.first, err = jailed.Spawn(&jailed.Config{Stdio: backends.OwnStdio(cr.opts.Stdio), Inherited: cr.plan.Inherited}); err != nil {
		return err
	}
	if cr.c.Process, err = backends.FindProcess(cr.first.Pid); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	if err := cr.save(); err != nil {
		return err
	}
	return cr.first.Enclose()
}

// enter sends the process its plan and serves the process until it waits for start.
func (cr *creation) enter(ctx context.Context) error {
	start, err := link.Listen(cr.c.Dir)
	if err != nil {
		return err
	}
	defer start.Close()
	s, p := cr.spec, cr.plan
	p.JID, p.Root = cr.data.JID, cr.data.path()
	p.HostHooks = spec.HasHooks(s, spec.Prestart, spec.CreateRuntime)
	p.CreateContainer, p.StartContainer = spec.Hooks(s, spec.CreateContainer), spec.Hooks(s, spec.StartContainer)
	p.State = cr.c.State(specs.StateCreating)
	files := []*os.File{start}
	p.StartSocket = 0
	if cr.console != nil {
		files, p.ConsoleSocket = append(files, cr.console), 1
	}
	return cr.first.Prepare(p, files, func() error {
		return hooks.CreateRuntime(ctx, s, cr.c.State(specs.StateCreating))
	})
}

// finish records the container as created and lets its process live on without berth.
func (cr *creation) finish() error {
	cr.c.Complete = true
	if err := cr.save(); err != nil {
		return err
	}
	return cr.first.Free()
}
