package cgroup

import (
	"context"
	"errors"

	"github.com/opencontainers/cgroups"

	"github.com/berth-oci/berth/backends"
)

// The functions below open a cgroup by its path, whichever it is.

func withGroup(path string, do func(g *Group) error) error {
	g, err := Open(path)
	if err != nil {
		return err
	}
	defer g.Close()
	return do(g)
}

func unlessGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// ID returns the identity of a cgroup, or 0.
func ID(path string) (id uint64) {
	_ = withGroup(path, func(g *Group) error { id = g.id; return nil })
	return id
}

// Freeze is Group.Freeze.
func Freeze(ctx context.Context, path string) error {
	return withGroup(path, func(g *Group) error { return g.Freeze(ctx) })
}

// Thaw is Group.Thaw.
func Thaw(path string) error { return unlessGone(withGroup(path, (*Group).Thaw)) }

// Frozen is Group.Frozen.
func Frozen(path string) (is bool, err error) {
	err = unlessGone(withGroup(path, func(g *Group) (err error) { is, err = g.Frozen(); return err }))
	return is, err
}

// Enter is Group.Enter.
func Enter(path string, pid int) error {
	return withGroup(path, func(g *Group) error { return g.Enter(pid) })
}

// Kill is Group.Kill.
func Kill(path string) error { return unlessGone(withGroup(path, (*Group).Kill)) }

// Processes is Group.Processes.
func Processes(path string) (pids []int, err error) {
	err = unlessGone(withGroup(path, func(g *Group) (err error) { pids, err = g.Processes(); return err }))
	return pids, err
}

// Missing is Group.Missing.
func Missing(path string, r *cgroups.Resources) (lacks Lacks) {
	_ = withGroup(path, func(g *Group) error { lacks = g.Missing(r); return nil })
	return lacks
}

// Limit is Group.Limit.
func Limit(path string, r *cgroups.Resources) error {
	return withGroup(path, func(g *Group) error { return g.Limit(r) })
}

// LimitInner is Group.LimitInner.
func LimitInner(path string, r *cgroups.Resources) error {
	return withGroup(path, func(g *Group) error { return g.LimitInner(r) })
}

// Stats is Group.Stats.
func Stats(path string) (s *backends.Stats, err error) {
	err = withGroup(path, func(g *Group) (err error) { s, err = g.Stats(); return err })
	return s, err
}

// WatchOOM is Group.WatchOOM.
func WatchOOM(ctx context.Context, path string, f func()) error {
	return withGroup(path, func(g *Group) error { return g.WatchOOM(ctx, f) })
}

// WatchAllOOM is Group.WatchAllOOM.
func WatchAllOOM(ctx context.Context, path string, f func()) error {
	return withGroup(path, func(g *Group) error { return g.WatchAllOOM(ctx, f) })
}

// OOMKills is Group.OOMKills.
func OOMKills(path string) (n uint64) {
	_ = withGroup(path, func(g *Group) error { n = g.OOMKills(); return nil })
	return n
}

// Own is Group.Own.
func Own(path string, uid uint32) error {
	return withGroup(path, func(g *Group) error { return g.Own(uid) })
}
