package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// engineRoots are the state directories that engines give to their runtimes.
var engineRoots = []string{
	"/run/berth", "/run/containerd/runc/*", "/run/docker/runtime-*/moby", "/run/user/*/berth",
}

// roots returns the state directories that hold berth records. It skips those that others can write
// to, and reports them, because doctor does what a record says with the rights of its caller.
func (d *Doctor) roots() (list []string, skipped []backends.Finding) {
	dirs := []string{d.Root}
	for _, pattern := range engineRoots {
		found, _ := filepath.Glob(d.path(pattern))
		dirs = append(dirs, found...)
	}
	if d.System != "" && d.distrust(d.System) == nil {
		dirs = append(dirs, state.Registered(d.System)...)
	}
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			continue
		}
		if err := d.distrust(dir); err != nil {
			skipped = append(skipped, skip(err, dir == d.Root))
		} else if ours(dir) {
			list = append(list, dir)
		} else if name := foreign(dir); i == 0 && name != "" {
			skipped = append(skipped, warn("records", fmt.Sprintf("state directory %s: it has %s, which is not berth's: it was not examined", dir, name),
				"use the --root that the engine gives to berth"))
		} else if i == 0 {
			list = append(list, dir)
		}
	}
	return list, skipped
}

// skip returns the row for a state directory that is not trusted. A directory of another user is no
// reason to warn, unless it was chosen.
func skip(err error, chosen bool) backends.Finding {
	f := backends.Finding{Check: "records", Verdict: backends.Warn, Looked: err.Error() + ": it was not examined",
		Advice: "let only its owner write to it (chmod go-w), or ask its owner to run 'berth doctor'"}
	if errors.Is(err, errOthers) && !chosen {
		f.Verdict, f.Advice = backends.Pass, "its owner can run 'berth doctor'"
	}
	return f
}

// errOthers is the error for something that belongs to another user.
var errOthers = errors.New("belongs to another user")

// distrust returns an error if others could write to a state directory, or put another one in its
// place.
func (d *Doctor) distrust(root string) error {
	if err := d.guarded(root); err != nil {
		return fmt.Errorf("state directory %s: %w", root, err)
	}
	real, err := filepath.EvalSymlinks(root)
	if errors.Is(err, os.ErrNotExist) || real == root {
		return nil // without symbolic links there is only this way to it
	}
	if err == nil {
		err = d.guarded(real)
	}
	if err != nil {
		return fmt.Errorf("state directory %s: %w", root, err)
	}
	return nil
}

// guarded checks a directory and those above it, up to the host's root.
func (d *Doctor) guarded(root string) error {
	host, err := filepath.EvalSymlinks(d.Dir)
	if err != nil {
		return err
	}
	for dir := root; dir != d.Dir && dir != host && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		uid, mode := int(info.Sys().(*syscall.Stat_t).Uid), info.Mode()
		link, sticky := mode&os.ModeSymlink != 0, dir != root && mode&os.ModeSticky != 0
		switch {
		case uid != os.Geteuid() && (uid != 0 || dir == root && !link):
			return fmt.Errorf("%s %w (uid %d)", dir, errOthers, uid)
		case mode.Perm()&0o022 != 0 && !link && !sticky:
			return fmt.Errorf("other users can write to %s (mode %v)", dir, mode)
		}
	}
	return nil
}

// ours is true if a state directory holds a berth record. The state directory of another runtime
// looks the same from outside.
func ours(root string) bool {
	files, _ := filepath.Glob(root + "/*/state.json")
	for _, f := range files {
		var record struct {
			Backend string `json:"backend"`
		}
		data, err := os.ReadFile(f)
		if err == nil && json.Unmarshal(data, &record) == nil && record.Backend != "" {
			return true
		}
	}
	return false
}

// foreign returns the name of something in a state directory that does not belong to berth, or ""
// if there is nothing.
func foreign(root string) string {
	store, err := state.Open(root)
	if err != nil {
		return ""
	}
	return store.Foreign()
}

// strays finds records without a container, and leftovers of containers without a record.
func (d *Doctor) strays(ctx context.Context) []backends.Finding {
	roots, skipped := d.roots()
	known := &inventory{roots: roots}
	list := append(d.records(known), skipped...)
	return append(list, d.leftovers(ctx, known)...)
}

// inventory is what the records of all state directories name.
type inventory struct {
	roots   []string
	records []*backends.Container
	// newer are the containers whose records newer berths wrote. This berth does not understand
	// them.
	newer []string
}

// records examines the containers of all state directories, and adds their records to known.
func (d *Doctor) records(known *inventory) []backends.Finding {
	const check = "records"
	var list []backends.Finding
	for _, root := range known.roots {
		r, err := d.Open(root)
		if err != nil {
			list = append(list, fail(check, err.Error(), "choose another --root"))
			continue
		}
		remove := func(id, looked string, fix func(context.Context) error) {
			f := fail(check, fmt.Sprintf("%s in %s: %s", id, root, looked), fmt.Sprintf("'berth --root %s delete --force %s' removes what is left", root, id))
			f.Fix = fix
			list = append(list, f)
		}
		store, err := state.Open(root)
		if err == nil {
			var ids []string
			ids, err = store.List()
			for _, id := range ids {
				c, err := store.Read(id)
				var newer *record.NewerError
				switch {
				case err == nil:
					known.records = append(known.records, c)
				case errors.As(err, &newer):
					known.newer = append(known.newer, filepath.Join(root, id))
					list = append(list, warn(check, err.Error(), "only that version of berth can delete the container and find what it has left behind"))
				case !errors.Is(err, state.ErrNotExist) && !errors.Is(err, state.ErrDamaged):
					list = append(list, warn(check, err.Error(), "berth could not examine this"))
				}
			}
		}
		if errors.Is(err, syscall.ENOTDIR) {
			continue // reported already
		}
		if err != nil {
			list = append(list, fail(check, err.Error(), "berth cannot work with this state directory"))
		}
		for _, o := range r.ListOwed() {
			f := fail(check, fmt.Sprintf("%s in %s: %s", o.ID, root, unfinished(o.Container)),
				"'berth doctor --fix' tries again to remove what is left, as does a later create or delete in this state directory")
			f.Fix = o.Finish
			list = append(list, f)
			if o.Dir != store.Dir(o.ID) {
				known.records = append(known.records, o.Container) // set aside
			}
		}
		infos, _ := r.List() // unreadable records are reported already
		for _, i := range infos {
			looked := wrong(i)
			if looked == "" {
				continue
			}
			remove(i.ID, looked, func(ctx context.Context) error {
				// A half-made container may be complete by now.
				if i.Status == specs.StateStopped && !i.Unrecorded {
					_, err := r.DeleteUnfinished(ctx, i.ID)
					return err
				}
				infos, _ := r.List()
				if !slices.ContainsFunc(infos, func(now *runtime.Info) bool { return now.ID == i.ID && wrong(now) == looked }) {
					return nil
				}
				return d.delete(ctx, root, i.ID)
			})
		}
	}
	if len(list) == 0 && len(known.roots) > 0 {
		list = append(list, pass(check, fmt.Sprintf("%d in %s", len(known.records), strings.Join(known.roots, ", "))))
	}
	return list
}

// wrong says what is wrong with a container's record. It returns "" if nothing is.
func wrong(i *runtime.Info) string {
	switch {
	case i.Status == runtime.StateDamaged:
		return "the record is damaged"
	case i.Owed != nil:
		return "" // it has a row of its own
	case i.Unrecorded:
		return fmt.Sprintf("%s has the container, but berth has no record of it", i.Backend)
	case i.Status == runtime.StateLost:
		return fmt.Sprintf("%s no longer has the container", i.Backend)
	case !i.Delegated && !i.Complete && i.Status == specs.StateStopped:
		return "its create was interrupted"
	}
	return ""
}

// unfinished says why a delete did not finish.
func unfinished(c *backends.Container) string {
	if c.Owed.Why == "" {
		return "its delete was interrupted"
	}
	return c.Owed.Why
}

// delete calls berth in another process, because another runtime would replace this one.
func (d *Doctor) delete(ctx context.Context, root, id string) error {
	out, err := exec.CommandContext(ctx, d.Program, "--root", root, "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --root %s delete --force %s: %w: %s", d.Program, root, id, err, bytes.TrimSpace(out))
	}
	return nil
}

// holds is true if there is a record of a container, complete or not.
func holds(root, id string) bool {
	_, err := os.Lstat(filepath.Join(root, id))
	return err == nil
}
