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

// Delete kills the container's remaining processes and removes the jail and everything around it.
func (b *Backend) Delete(ctx context.Context, c *backends.Container, _ bool) error {
	d, err := data(c)
	if err != nil {
		return err
	}
	return b.locked(c).destroy(ctx, c, d)
}

// patience is the time that a killed process may take to end.
const patience = 10 * time.Second

// destroy undoes, in reverse order, everything that d says was created or was about to be. It can
// be repeated. Mounts stay in place as long as the jail exists.
func (b *Backend) destroy(ctx context.Context, c *backends.Container, d *Data) error {
	if err := c.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if d.Jail == "" {
		return nil
	}
	limited, err := updated(c)
	if err != nil {
		logrus.Warn(err) // must not stop the rest
		limited = true
	}
	if limited || d.Limited {
		// A jail's limits outlive the jail, and the next jail of that name would get them.
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

// removeRoot restores the root to its state before create.
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
	// Remove the directory only if it is empty: its contents belong to the image.
	if err := os.Remove(d.View); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// absent returns true if a tool failed because the thing to remove no longer exists.
func absent(err error) bool {
	var failed *tools.Error
	return errors.As(err, &failed) &&
		(strings.Contains(failed.Said, "does not exist") || strings.Contains(failed.Said, "Can't assign requested address"))
}

// removeJail removes the jail if it is the container's own: another jail may have got the name
// since.
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
		logrus.Warnf("berth does not remove jail %s, because another jail has this name now (jid %d, path %s)", d.Jail, jid, path)
		return nil
	}
	for _, name := range slices.Backward(d.Interfaces) {
		// The kernel returns an interface when the jail ends, but a jail may take minutes to die.
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

// unmountAll unmounts in reverse order. It unmounts everything below a read-only view, everything
// that the jail itself mounted (if it may mount), and the container's own mounts.
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

// below returns the mount points below a directory, the most recent last.
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

// restore puts back the files that copies have replaced.
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
