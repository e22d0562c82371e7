package command

import "github.com/urfave/cli/v2"

var restoreCommand = &cli.Command{
	Name:      "restore",
	Usage:     "restore a container from a previous checkpoint",
	ArgsUsage: "<container-id>",
	Flags: append(append(criuFlags(), createFlags()...),
		&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "detach from the container's process"},
		&cli.BoolFlag{Name: "no-subreaper", Usage: "disable the use of the subreaper used to reap reparented processes"},
		&cli.StringFlag{Name: "lsm-profile", Usage: "LSM profile to be used during restore in the form of `TYPE:NAME`"},
		&cli.StringFlag{Name: "lsm-mount-context", Usage: "LSM mount `CONTEXT` to be used during restore"},
	),
	Action: func(c *cli.Context) error {
		r, p, err := plan(c)
		if err != nil {
			return err
		}
		return r.restore(c.Context, p, c.Bool("detach"))
	},
}
