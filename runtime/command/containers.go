package command

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/delegation"
	"github.com/berth-oci/berth/runtime/doctor"
	"github.com/berth-oci/berth/runtime/state"
)

// containers are all containers of a state directory. It chooses for each command who handles it:
// package runtime, or package delegation if crun or runc has the container.
type containers struct {
	own   *runtime.Runtime
	other *delegation.Delegation
}

// operations are the commands on a container that exists. They take the container as find returned
// it.
type operations interface {
	State(c *backends.Container) (*runtime.Info, error)
	Start(ctx context.Context, c *backends.Container) error
	Kill(ctx context.Context, c *backends.Container, sig syscall.Signal, all bool) error
	Exec(ctx context.Context, c *backends.Container, o runtime.ExecOptions) (int, error)
	Pids(c *backends.Container) ([]int, error)
	Pause(ctx context.Context, c *backends.Container) error
	Resume(ctx context.Context, c *backends.Container) error
	Update(ctx context.Context, c *backends.Container,
		resources func() (*specs.LinuxResources, error)) error
	Stats(c *backends.Container) (*backends.Stats, error)
	Events(ctx context.Context, c *backends.Container,
		interval time.Duration, f func(runtime.Event) error) error
	Checkpoint(c *backends.Container) error
	Administer(c *backends.Container, words []string) error
}

// open opens the state directory that the command line names.
func open(c *cli.Context) (*containers, error) {
	r, err := openRoot(c, c.String("root"))
	opened = r
	return r, err
}

// opened are the containers that the command works with, or nil before open.
var opened *containers

func openRoot(c *cli.Context, root string) (*containers, error) {
	store, err := state.Open(root)
	if err != nil {
		return nil, err
	}
	s := newSettings(c)
	var to []delegation.Delegate
	for _, d := range delegates(s) {
		to = append(to, d)
	}
	call := crun.Call{Command: c.Command.Name, Words: words(c)}
	other := delegation.New(store, call, to...)
	return &containers{runtime.New(store, other, makers(s)...), other}, nil
}

func openForDoctor(c *cli.Context) func(root string) (doctor.Containers, error) {
	return func(root string) (doctor.Containers, error) { return openRoot(c, root) }
}

// openToCreate is open for a command that makes containers. It also registers the state directory.
func openToCreate(c *cli.Context) (*containers, error) {
	r, err := open(c)
	if err != nil {
		return nil, err
	}
	if err := state.Register(defaultRoot(), r.own.Root()); err != nil {
		logrus.Debug(err)
	}
	return r, nil
}

// find opens the state directory and finds a container in it.
func find(c *cli.Context, id string) (operations, *backends.Container, error) {
	r, err := open(c)
	if err != nil {
		return nil, nil, err
	}
	return r.find(id)
}

// findOnly is find for a command whose only argument is the container's id.
func findOnly(c *cli.Context) (operations, *backends.Container, error) {
	id, err := onlyID(c)
	if err != nil {
		return nil, nil, err
	}
	return find(c, id)
}

// find reads a container's record and finds out who has the container. Without a record it asks the
// other runtimes, because one of them may have the container nevertheless.
func (a *containers) find(id string) (operations, *backends.Container, error) {
	c, err := a.own.Find(id)
	if errors.Is(err, state.ErrNotExist) {
		if c := a.other.Find(id); c != nil {
			return a.other, c, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	switch delegated, err := a.other.Delegated(c); {
	case err != nil:
		return nil, nil, err
	case delegated:
		return a.other, c, nil
	}
	return a.own, c, nil
}

func (a *containers) create(ctx context.Context, p *runtime.Plan) error {
	if !a.other.Delegates(p.Backend) {
		_, err := a.own.Create(ctx, p)
		return err
	}
	e, err := a.own.Claim(ctx, p)
	if err != nil {
		return err
	}
	return a.other.Create(e, p)
}

func (a *containers) run(ctx context.Context, p *runtime.Plan, o runtime.RunOptions) (int, error) {
	if !a.other.Delegates(p.Backend) {
		return a.own.Run(ctx, p, o)
	}
	e, err := a.own.Claim(ctx, p)
	if err != nil {
		return -1, err
	}
	return 0, a.other.Run(e, p, o.Detach)
}

func (a *containers) restore(ctx context.Context, p *runtime.Plan, detach bool) error {
	if !a.other.Delegates(p.Backend) {
		return a.own.Restore(p)
	}
	_, err := a.run(ctx, p, runtime.RunOptions{Detach: detach})
	return err
}

func (a *containers) explain(p *runtime.Plan) (*backends.Container, backends.Explanation, error) {
	if a.other.Delegates(p.Backend) {
		return a.other.Explain(p)
	}
	return a.own.Explain(p)
}

// delete removes a container. Only the lock on the record makes sure who has the container, so
// whoever gets the lock and finds another's record leaves it to the other.
func (a *containers) delete(ctx context.Context, id string, force bool) error {
	for {
		err := a.own.Delete(ctx, id, force)
		if errors.Is(err, runtime.ErrElsewhere) {
			err = a.other.Delete(id, force)
		}
		if !errors.Is(err, runtime.ErrElsewhere) {
			return err
		}
	}
}

// List returns the state of all containers in the order of their ids. If some cannot be asked for,
// it returns the error beside the rest.
func (a *containers) List() ([]*runtime.Info, error) {
	list, records, ownErr := a.own.List()
	delegated, err := a.other.List(records)
	unread := map[string]bool{}
	for _, i := range list {
		unread[i.ID] = i.Status == runtime.StateDamaged || i.Status == runtime.StateNewer
	}
	for _, i := range delegated {
		if i.Unrecorded && unread[i.ID] {
			continue // there is a record, and its container is shown already
		}
		list = append(list, i)
	}
	slices.SortStableFunc(list, func(a, b *runtime.Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, errors.Join(ownErr, err)
}

// ListOwed returns the containers whose delete ended before it was done.
func (a *containers) ListOwed() []runtime.OwedInfo { return a.own.ListOwed() }

// DeleteUnfinished removes what an interrupted create left (runtime.Runtime.DeleteUnfinished).
func (a *containers) DeleteUnfinished(ctx context.Context, id string) (bool, error) {
	return a.own.DeleteUnfinished(ctx, id)
}

// kinds returns all backends, berth's own and the others.
func kinds(s *settings) []doctor.Backend {
	var list []doctor.Backend
	for _, m := range makers(s) {
		usable := func() (doctor.Usable, error) { return m.Make() }
		list = append(list, doctor.Backend{Name: m.Name, Make: usable})
	}
	for _, d := range delegates(s) {
		usable := func() (doctor.Usable, error) { return d, nil }
		list = append(list, doctor.Backend{Name: d.Name(), Make: usable})
	}
	return list
}
