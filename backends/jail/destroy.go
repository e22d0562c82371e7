package jail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/backends/jail/tree"
)

// Delete ends what still runs and removes the jail and all around it.
func (b *Backend) Delete(ctx context.Context, c *backends.Container, _ bool) error {
	d, err := data(c)
	if err != nil {
		return err
	}
	return b.locked(c).destroy(ctx, c, d)
}

// patience is how long a process that was killed may take to end.
const patience = 10 * time.Second

// lower undoes all that d says was made, or was about to be, in reverse. It can
// be repeated. As long as the jail is there nothing is taken from under it.
func (b *Backend) destroy(ctx context.Context, c *backends.Container, d *Data) error {
	if err := c.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if d.Jail == "" {
		return nil
	}
	limited, err := updated(c)
	if err != nil {
		logrus.Warn(err) // it must not keep the rest
		limited = true
	}
	if limited || d.Limited {
		// A jail's limits outlive it, and would be the next one's of its name.
		if err := b.removeLimits(ctx, d.Jail); err != nil {
			return err
		}
	}
	if err := b.removeFromParents(ctx, c, d); err != nil {
		return err
	}
	if err := waitGone(ctx, c.Process); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	return errors.Join(b.removeAliases(ctx, d), b.removeRoot(ctx, d))
}

func (b *Backend) removeAliases(ctx context.Context, d *Data) error {
	var errs []error
	for _, a := range slices.Backward(d.Aliases) {
		if _, err := b.tools.Run(ctx, a.remove()); err != nil && !absent(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeRoot leaves the root as it was found.
func (b *Backend) removeRoot(ctx context.Context, d *Data) error {
	if err := b.unmountAll(ctx, d); err != nil {
		return err
	}
	if err := restore(d); err != nil {
		return err
	}
	if d.View == "" {
		return nil
	}
	// Not with what is in it: what is in it is the image's.
	if err := os.Remove(d.View); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// absent says that what a tool was to take away has gone by itself.
func absent(err error) bool {
	var failed *tools.Error
	return errors.As(err, &failed) &&
		(strings.Contains(failed.Said, "does not exist") || strings.Contains(failed.Said, "Can't assign requested address"))
}

// removeJail removes the jail if it is the container's own: another may have got
// the name.
func (b *Backend) removeJail(ctx context.Context, d *Data) error {
	if !d.Making {
		return nil
	}
	jid, path, err := b.tools.Jail(ctx, d.Jail)
	if errors.Is(err, tools.ErrNoJail) {
		return nil
	}
	if err != nil {
		return err
	}
	if path != d.path() || d.JID != 0 && jid != d.JID {
		logrus.Warnf("jail %s has become another's (jid %d, %s), and is left alone", d.Jail, jid, path)
		return nil
	}
	for _, name := range slices.Backward(d.Interfaces) {
		// The kernel gives an interface back with the jail's end, but a jail may
		// take minutes to die.
		if _, err := b.tools.Run(ctx, tools.TakeInterface(name, d.Jail)); err != nil {
			logrus.Debug(err)
		}
	}
	_, err = b.tools.Run(ctx, tools.RemoveJail(d.Jail))
	if err != nil {
		if _, _, gone := b.tools.Jail(ctx, d.Jail); errors.Is(gone, tools.ErrNoJail) {
			return nil
		}
	}
	return err
}

// unmountAll unmounts what was mounted, the last first: below a read-only view
// everything, and in the root of a jail that may mount what it has mounted.
func (b *Backend) unmountAll(ctx context.Context, d *Data) error {
	if d.View == "" && len(d.Mounts) == 0 && !d.Mounter {
		return nil
	}
	root := d.View
	if root == "" && d.Mounter {
		root = d.Root
	}
	if root != "" {
		points, err := below(root)
		if err != nil {
			return err
		}
		for _, point := range slices.Backward(points) {
			if d.View == "" && slices.Contains(d.Below, point) {
				continue
			}
			if err := b.unmount(ctx, point); err != nil {
				return err
			}
		}
	}
	for _, m := range slices.Backward(d.Mounts) {
		for {
			n, err := count(m.Target)
			if err != nil {
				return err
			}
			if n <= m.Before {
				break
			}
			if err := b.unmount(ctx, m.Target); err != nil {
				return err
			}
		}
	}
	return nil
}

// below are the mount points below a directory, the last mounted one last.
func below(dir string) ([]string, error) {
	table, err := kernel.Mounted()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(table, func(point string) bool { return !strings.HasPrefix(point, dir+"/") }), nil
}

func (b *Backend) unmount(ctx context.Context, target string) error {
	before, err := count(target)
	if err != nil {
		return err
	}
	if _, err := b.tools.Run(ctx, tools.Unmount(target)); err != nil {
		return err
	}
	now, err := count(target)
	if err == nil && now >= before {
		err = fmt.Errorf("%s is still mounted after umount", target)
	}
	return err
}

// restore puts back the files that copies stood in for.
func restore(d *Data) error {
	if len(d.Files) == 0 {
		return nil
	}
	root, err := tree.Open(d.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the engine has removed it
	}
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range slices.Backward(d.Files) {
		if err := root.Restore(f); err != nil {
			return err
		}
	}
	return nil
}
