package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/jail/kernel"
	"github.com/berth-oci/berth/backends/jail/tools"
	"github.com/berth-oci/berth/backends/jail/tree"
	"github.com/berth-oci/berth/spec"
)

// readonly returns true if the jail gets a read-only view of the root. rootView describes that
// mount.
func (cr *creation) readonly() bool { return cr.spec.Root != nil && cr.spec.Root.Readonly }

func (cr *creation) rootView() *mount {
	return &mount{Path: "root.readonly", Kind: "nullfs", Options: []string{"ro"}, Source: cr.data.Root}
}

// mountRoot mounts the read-only view of the root, if the jail gets one.
func (cr *creation) mountRoot(ctx context.Context) error {
	if !cr.readonly() {
		return nil
	}
	dir, err := filepath.EvalSymlinks(cr.c.Root)
	if err == nil {
		err = os.MkdirAll(viewsDir(cr.c), 0o700)
	}
	if err != nil {
		return &spec.FieldError{Path: "root.readonly", Err: err}
	}
	cr.data.View = viewOf(cr.c, dir)
	if err := cr.save(); err != nil {
		return err
	}
	if err := os.Mkdir(cr.data.View, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return &spec.FieldError{Path: "root.readonly", Err: err}
	}
	if err := cr.mountAt(ctx, cr.rootView(), cr.data.View); err != nil {
		return err
	}
	view, err := tree.Open(cr.data.View)
	if err != nil {
		return &spec.FieldError{Path: "root.readonly", Err: err}
	}
	cr.view = view
	return nil
}

// mountAll mounts the mounts of config.json in their order.
func (cr *creation) mountAll(ctx context.Context) error {
	for i := range cr.mounts {
		m := &cr.mounts[i]
		if err := cr.mount(ctx, m); err != nil {
			return fmt.Errorf("%s (%s): %w", m.Path, m.Target, err)
		}
	}
	return nil
}

func (cr *creation) mount(ctx context.Context, m *mount) error {
	file, err := m.isFile()
	if err != nil {
		return err
	}
	if err := cr.hides(ctx, m); err != nil {
		return err
	}
	root := cr.top()
	place, err := m.claim(root)
	if err != nil {
		return err
	}
	if err := cr.makeTarget(place, file); err != nil {
		return err
	}
	target := place.Host(root)
	var hidden *os.File
	if m.CopyUp {
		whole := &tree.Place{Found: append(slices.Clone(place.Found), place.Missing...)}
		if hidden, err = root.OpenDir(whole); err != nil {
			return err
		}
		defer hidden.Close()
	}
	err = cr.mountAt(ctx, m, target)
	if file && refusesFiles(err) {
		return cr.replaceFile(place, m, target)
	}
	if err != nil {
		return err
	}
	if hidden != nil {
		if err := copyUp(hidden, target); err != nil {
			return fmt.Errorf("tmpcopyup: %w", err)
		}
	}
	for _, r := range m.Rules {
		if _, err := cr.tools.Run(ctx, r.command(target)); err != nil {
			return err
		}
	}
	return nil
}

// claim resolves the mount's target inside a root. It fails if the target is the root itself.
func (m *mount) claim(root *tree.Root) (*tree.Place, error) {
	place, err := root.Resolve(m.Target)
	if err == nil && len(place.Found) == 0 && len(place.Missing) == 0 {
		err = errors.New("cannot be mounted on the root itself")
	}
	return place, err
}

// isFile returns true if the mount's source is a file. The target must then be a file too.
func (m *mount) isFile() (bool, error) {
	if m.Kind != "nullfs" {
		return false, nil
	}
	info, err := os.Stat(m.Source)
	if err != nil {
		return false, err
	}
	return !info.IsDir(), nil
}

// hides returns an error if the mount's devfs ruleset is empty. Without the rules, as on a host
// that has never loaded them, a jail would see every device of the host.
func (b *Backend) hides(ctx context.Context, m *mount) error {
	show := m.check()
	if show == nil {
		return nil
	}
	out, err := b.tools.Run(ctx, show)
	if err != nil {
		return err
	}
	if strings.TrimSpace(out) == "" {
		return fmt.Errorf("devfs ruleset %s is empty, so the jail would see all devices of the host: load the rules "+
			"(sysrc devfs_load_rulesets=YES; service devfs restart)", m.Ruleset)
	}
	return nil
}

// top returns the root with everything that is mounted so far.
func (cr *creation) top() *tree.Root {
	if cr.view != nil {
		return cr.view
	}
	return cr.root
}

// makeTarget creates the missing part of a mount's target. Below a read-only view it creates it in
// the root itself.
func (cr *creation) makeTarget(place *tree.Place, file bool) error {
	if len(place.Missing) == 0 {
		if file == place.Dir {
			return fmt.Errorf("%s: the source and the mount point must both be directories, or neither", place.Host(cr.top()))
		}
		return nil
	}
	if !place.Dir {
		return unix.ENOTDIR
	}
	err := cr.top().Make(place, file)
	if errors.Is(err, unix.EROFS) && cr.view != nil {
		err = cr.root.Make(place, file)
	}
	return err
}

// refusesFiles returns true if mount failed because the target is a file. nullfs mounts only
// directories before FreeBSD 14.
func refusesFiles(err error) bool {
	var failed *tools.Error
	return errors.As(err, &failed) && strings.Contains(failed.Said, "Not a directory")
}

// replaceFile puts a copy of the source where a file could not be mounted.
func (cr *creation) replaceFile(place *tree.Place, m *mount, target string) error {
	n := len(cr.data.Mounts)
	cr.data.Mounts = cr.data.Mounts[:n-1] // the entry from mountAt, whose mount failed
	whole := &tree.Place{Found: append(slices.Clone(place.Found), place.Missing...)}
	f, err := tree.Plan(whole, cr.c.ID)
	if err != nil {
		return err
	}
	cr.data.Files = append(cr.data.Files, f)
	if err := cr.save(); err != nil {
		return err
	}
	logrus.Debugf("%s: this kernel cannot mount files: %s is a copy of %s", m.Path, target, m.Source)
	return cr.root.Replace(f, m.Source)
}

// mountAt mounts on a directory or file of the host and checks that the mount appeared there.
func (cr *creation) mountAt(ctx context.Context, m *mount, target string) error {
	before, err := count(target)
	if err != nil {
		return err
	}
	cr.data.Mounts = append(cr.data.Mounts, Mounted{Target: target, Before: before})
	if err := cr.save(); err != nil {
		return err
	}
	if _, err := cr.tools.Run(ctx, m.command(target)); err != nil {
		return err
	}
	now, err := count(target)
	if err == nil && now <= before {
		err = fmt.Errorf("nothing was mounted on %s: the directory was moved meanwhile", target)
	}
	return err
}

// count returns the number of mounts at a mount point.
func count(target string) (int, error) {
	table, err := kernel.Mounted()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, point := range table {
		if point == target {
			n++
		}
	}
	return n, nil
}

func copyUp(hidden *os.File, target string) error {
	to, err := os.OpenFile(target, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	return tree.Copy(hidden, to)
}
