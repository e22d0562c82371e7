package command

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

var pctCommand = &cli.Command{
	Name:      "pct",
	Usage:     "call Proxmox VE's pct on a container, by its OCI id",
	ArgsUsage: "<container-id> <subcommand> [options]",
	Description: `Find the container's CT and call pct(1) on it: config, enter, console, exec, set,
df, push, pull, snapshot, listsnapshot, delsnapshot, pending, unlock and others. pct
takes berth's place: its streams, its exit status. What would part the CT from its
container is refused with the reason: start, migrate, destroy, changes of the root
filesystem and others.

   berth pct web config
   berth pct web set --memory 512`,
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		if c.NArg() < 2 {
			return fmt.Errorf("berth: %q requires a container's id and a subcommand of pct", c.Command.Name)
		}
		r, err := open(c)
		if err != nil {
			return err
		}
		return r.Administer(c.Args().First(), c.Args().Tail())
	},
}
