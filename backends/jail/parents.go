package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/tools"
)

// parentsLock takes the lock that lets only one berth process at a time change children.max of
// jails. Closing the file releases the lock.
func parentsLock(c *backends.Container) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(c.Root, "@parents"), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// raiseParents lets each ancestor jail that is full have one more jail in it. The caller holds the
// lock until the jail is created.
func (cr *creation) raiseParents(ctx context.Context) error {
	full, err := cr.full(ctx, cr.settings.Parent)
	if err != nil {
		return err
	}
	for _, f := range full {
		cr.data.Raised = append(cr.data.Raised, f.name)
		if err := cr.save(); err != nil {
			return err
		}
		if _, err := cr.tools.Run(ctx, f.raise()); err != nil {
			return fmt.Errorf("parent jail: %w", err)
		}
	}
	return nil
}

// fullJail is a jail that already has the maximum number of jails in it.
type fullJail struct {
	name     string
	children int
}

// raise returns the command that allows one more.
func (f fullJail) raise() tools.Command {
	return tools.SetJail(f.name, fmt.Sprintf("children.max=%d", f.children+1))
}

// full returns the full jails among parent and its ancestors.
func (b *Backend) full(ctx context.Context, parent string) ([]fullJail, error) {
	var list []fullJail
	for _, name := range above(parent) {
		n, err := b.tools.Numbers(ctx, name, "children.cur", "children.max")
		if err != nil {
			return nil, fmt.Errorf("parent jail: %w", err)
		}
		if n[0] >= n[1] {
			list = append(list, fullJail{name, n[0]})
		}
	}
	return list, nil
}

// above returns the names of a jail and its ancestors, the outermost first.
func above(name string) []string {
	var list []string
	for i := range name {
		if name[i] == '.' {
			list = append(list, name[:i])
		}
	}
	return append(list, name)
}

// removeFromParents removes the jail and lowers children.max of each raised jail by one, unless
// another jail now uses that place.
func (b *Backend) removeFromParents(ctx context.Context, c *backends.Container, d *Data) error {
	if len(d.Raised) == 0 {
		return b.removeJail(ctx, d)
	}
	lock, err := parentsLock(c)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := b.removeJail(ctx, d); err != nil {
		return err
	}
	for _, name := range slices.Backward(d.Raised) {
		n, err := b.tools.Numbers(ctx, name, "children.cur", "children.max")
		if errors.Is(err, tools.ErrNoJail) {
			continue
		}
		if err != nil {
			return err
		}
		if n[1] == 0 || n[1] <= n[0] {
			continue
		}
		if _, err := b.tools.Run(ctx, tools.SetJail(name, fmt.Sprintf("children.max=%d", n[1]-1))); err != nil {
			return err
		}
	}
	return nil
}
