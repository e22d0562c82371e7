package jail

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
)

var _ backends.RecordChecker = (*Backend)(nil)

// CheckRecord rejects a record that Create cannot have written, with an error that wraps
// record.ErrDamaged. Delete acts on the rest: it removes the jail, unmounts, and restores files in
// the root.
func (b *Backend) CheckRecord(c *backends.Container) error {
	d, err := data(c)
	if err != nil {
		return err
	}
	if c.Complete && (c.Process.Pid == 0 || d.Jail == "" || d.Root == "") {
		return record.Damaged("it is complete, but has no process, jail or root")
	}
	if d.Jail == "" {
		return nil // Create has not come that far, and Delete reads no further
	}
	parent, child := strings.CutSuffix(d.Jail, "."+c.ID)
	if d.Jail != c.ID && !(child && parentName(parent)) || d.JID < 0 {
		return record.Damaged("data: %.100q (jid %d) is not the container's jail", d.Jail, d.JID)
	}
	for _, raised := range d.Raised {
		if !child || !slices.Contains(above(parent), raised) {
			return record.Damaged("data.raised: %.100q is not a parent of the jail", raised)
		}
	}
	return d.checkPlaces(c)
}

// checkPlaces checks the paths and interfaces that Delete unmounts, removes or renames.
func (d *Data) checkPlaces(c *backends.Container) error {
	if !plainDir(d.Root) {
		return record.Damaged("data.root: %.100q cannot be a container's root", d.Root)
	}
	if d.View != "" && (!plainDir(d.View) || filepath.Base(d.View) != c.ID || filepath.Base(filepath.Dir(d.View)) != filepath.Base(viewsDir(c))) {
		return record.Damaged("data.view: %.100q cannot be a view of a root", d.View)
	}
	inside := func(path string) bool {
		return filepath.Clean(path) == path &&
			(strings.HasPrefix(path, d.Root+"/") || d.View != "" && (path == d.View || strings.HasPrefix(path, d.View+"/")))
	}
	for _, m := range d.Mounts {
		if !inside(m.Target) || m.Before < 0 {
			return record.Damaged("data.mounts: %.100q is not in the root", m.Target)
		}
	}
	for _, f := range d.Files {
		if f == nil || !single(f.Name) || f.Saved != "" && !single(f.Saved) || slices.ContainsFunc(f.Dir, func(name string) bool { return !single(name) }) {
			return record.Damaged("data.files: a name is invalid")
		}
	}
	for _, a := range d.Aliases {
		if !word(a.Interface) || !a.Address.IsValid() {
			return record.Damaged("data.aliases: %.100q has no address", a.Interface)
		}
	}
	for _, name := range d.Interfaces {
		if !word(name) {
			return record.Damaged("data.interfaces: %.100q is not the name of an interface", name)
		}
	}
	return nil
}

// plainDir returns true if a path is absolute, clean and not the host's root.
func plainDir(path string) bool {
	return filepath.IsAbs(path) && filepath.Clean(path) == path && path != "/"
}

// single returns true if a name can be an entry of a directory.
func single(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// word returns true if a tool takes the text as one name and not as a flag.
func word(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == '*' || r == ',' })
}
