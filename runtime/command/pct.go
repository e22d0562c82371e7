package command

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

var pctCommand = &cli.Command{
	Name:      "pct",
	Usage:     "run Proxmox VE's pct on the CT of a container",
	ArgsUsage: "<container-id> <subcommand> [options]",
	Description: `Find the CT of a container and run pct(1) on it with the subcommand config, enter,
console, exec, set, df, push, pull, snapshot, listsnapshot, delsnapshot, pending, unlock
or another. pct replaces berth, so its input, output and exit status are those of pct.
berth refuses a subcommand that would separate the CT from its container, and gives
the reason: start, migrate, destroy, changes of the root filesystem and others.

   berth pct web config
   berth pct web set --memory 512`,
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		if c.NArg() < 2 {
			return fmt.Errorf("berth: %q requires a container ID and a subcommand of pct", c.Command.Name)
		}
		r, found, err := find(c, c.Args().First())
		if err != nil {
			return err
		}
		return r.Administer(found, c.Args().Tail())
	},
}
