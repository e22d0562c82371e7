//go:build linux

package command

import (
	"fmt"

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

// listSnapshots prints the current state, below which a CT without snapshots has nothing.
func listSnapshots(c *call) error {
	if _, err := c.load(); err != nil {
		return err
	}
	c.say("%s", fmt.Sprintf("`-> %-27s %-23s You are here!", "current", ""))
	return nil
}
