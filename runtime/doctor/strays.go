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
	"github.com/berth-oci/berth/runtime"
	"github.com/berth-oci/berth/runtime/state"
)

// engineRoots are the state directories that engines give to their runtimes.
var engineRoots = []string{
	"/run/berth", "/run/containerd/runc/*", "/run/docker/runtime-*/moby", "/run/user/*/berth",
}

// roots are the state directories that hold records of berth's.
func (d *Doctor) roots() []string {
	list := []string{d.Root}
	for _, pattern := range engineRoots {
		found, _ := filepath.Glob(d.path(pattern))
		for _, dir := range found {
			if !slices.Contains(list, dir) && ours(dir) {
				list = append(list, dir)
			}
		}
	}
	return list
}

// ours says whether a state directory holds a record of berth's: another
// runtime's looks like it from outside.
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

// strays are records without containers, and what there is of containers
// without a record.
func (d *Doctor) strays(ctx context.Context) []backends.Finding {
	known := &inventory{roots: d.roots()}
	list := d.records(known)
	return append(list, d.leftovers(ctx, known)...)
}

// inventory is what the records of all state directories name.
type inventory struct {
	roots   []string
	records []*backends.Container
}

// records examines the containers of all state directories.
func (d *Doctor) records(known *inventory) []backends.Finding {
	const check = "records"
	var list []backends.Finding
	for _, root := range known.roots {
		r, err := runtime.New(root, d.Makers...)
		if err != nil {
			list = append(list, fail(check, err.Error(), "choose another --root"))
			continue
		}
		remove := func(id, looked string) {
			f := fail(check, fmt.Sprintf("%s in %s: %s", id, root, looked), fmt.Sprintf("'berth --root %s delete --force %s' removes what is left", root, id))
			f.Fix = func(ctx context.Context) error { return d.delete(ctx, root, id) }
			list = append(list, f)
		}
		store, err := state.Open(root)
		if err == nil {
			var ids []string
			ids, err = store.List()
			for _, id := range ids {
				if c, err := store.Read(id); err == nil {
					known.records = append(known.records, c)
				} else if !errors.Is(err, state.ErrNotExist) {
					remove(id, "the record is damaged")
				}
			}
		}
		if errors.Is(err, syscall.ENOTDIR) {
			continue // named already
		}
		if err != nil {
			list = append(list, fail(check, err.Error(), "berth cannot work with this state directory"))
		}
		infos, _ := r.List() // what cannot be read has been named
		for _, i := range infos {
			switch {
			case i.Unrecorded:
				remove(i.ID, fmt.Sprintf("%s has it, and berth has no record", i.Backend))
			case i.Status == runtime.StateLost:
				remove(i.ID, fmt.Sprintf("%s has lost the container", i.Backend))
			case i.Report == nil && !i.Complete && i.Status == specs.StateStopped:
				remove(i.ID, "a create that was interrupted")
			}
		}
	}
	if len(list) == 0 {
		list = append(list, pass(check, fmt.Sprintf("%d in %s", len(known.records), strings.Join(known.roots, ", "))))
	}
	return list
}

// delete calls berth, for another runtime that a container was given to would
// replace this process.
func (d *Doctor) delete(ctx context.Context, root, id string) error {
	out, err := exec.CommandContext(ctx, d.Program, "--root", root, "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --root %s delete --force %s: %w: %s", d.Program, root, id, err, bytes.TrimSpace(out))
	}
	return nil
}

// holds says whether there is a record, whole or not, of a container.
func holds(root, id string) bool {
	_, err := os.Lstat(filepath.Join(root, id))
	return err == nil
}
