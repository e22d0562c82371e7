//go:build linux

package command

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/schema"
)

func addSnapshots() {
	named := []string{"vmid", "snapname"}
	commands["snapshot"] = &definition{
		positionals: named, options: of(schema.Object{"snapname": snapname(), "description": optional(text())}),
		front: reservedName, kind: "vzsnapshot", work: snapshot,
	}
	commands["delsnapshot"] = &definition{
		positionals: named, options: of(schema.Object{"snapname": snapname(), "force": boolean()}),
		kind: "vzdelsnapshot", work: findSnapshot,
	}
	commands["rollback"] = &definition{
		positionals: named, options: of(schema.Object{"snapname": snapname(), "start": boolean()}),
		kind: "vzrollback", work: findSnapshot,
	}
	commands["listsnapshot"] = &definition{positionals: id, options: of(nil), front: listSnapshots}
}

func reservedName(c *call) error {
	if name := c.values["snapname"]; name == "current" || name == "vzdump" {
		return failure.New("unable to use snapshot name '%s' (reserved name)", name)
	}
	return nil
}

// snapshot fails for every container that the stand-in can have, because directories have no
// snapshots.
func snapshot(c *call) error {
	return c.locked(func() error {
		conf, err := c.load()
		if err != nil {
			return err
		}
		if conf.True("template") {
			return failure.New("you can't take a snapshot if it's a template")
		}
		if err := checkLock(conf); err != nil {
			return err
		}
		if name := c.values["snapname"]; conf.Snapshots[name] != nil {
			return failure.New("snapshot name '%s' already used", name)
		}
		return failure.New("snapshot feature is not available")
	})
}

func findSnapshot(c *call) error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	name := c.values["snapname"]
	if conf.Snapshots[name] == nil {
		return failure.New("snapshot '%s' does not exist", name)
	}
	return failure.New("snapshot feature is not available")
}

// listSnapshots prints the tree of snapshots, with the current state last.
func listSnapshots(c *call) error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	tree := snapshotTree{call: c, sections: map[string]*ctconf.Section{}}
	for name, section := range conf.Snapshots {
		tree.sections[name] = section
	}
	current := ctconf.NewSection()
	current.Description = "You are here!"
	current.Values["parent"] = conf.Values["parent"]
	tree.sections["current"] = current
	for _, name := range tree.children("") {
		tree.print("`->", name)
	}
	return nil
}

type snapshotTree struct {
	*call
	sections map[string]*ctconf.Section
}

func (t snapshotTree) taken(name string) int64 {
	seconds, err := strconv.ParseInt(t.sections[name].Values["snaptime"], 10, 64)
	if err != nil {
		return 1<<63 - 1
	}
	return seconds
}

// children returns the snapshots with this parent, oldest first. "" stands for no parent.
func (t snapshotTree) children(parent string) []string {
	var names []string
	for name, section := range t.sections {
		of := section.Values["parent"]
		if t.sections[of] == nil {
			of = ""
		}
		if of == parent {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(t.taken(a), t.taken(b)) })
	return names
}

func (t snapshotTree) print(prefix, name string) {
	section := t.sections[name]
	description, _, _ := strings.Cut(section.Or("description", "no-description"), "\n")
	when := ""
	if name != "current" {
		when = time.Unix(t.taken(name), 0).Format(time.DateTime)
	}
	width := max(30-len(prefix), 0)
	t.say("%s", fmt.Sprintf("%s %-*s %-23s %s", prefix, width, name, when, description))
	for _, child := range t.children(name) {
		t.print(" "+prefix, child)
	}
}
