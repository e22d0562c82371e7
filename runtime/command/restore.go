package command

import (
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/runtime"
)

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
		id, err := onlyID(c)
		if err != nil {
			return err
		}
		o, err := createOptions(c, c.String("bundle"))
		if err != nil {
			return err
		}
		r, err := openToCreate(c)
		if err != nil {
			return err
		}
		p, err := runtime.NewPlan(id, *o)
		if err != nil {
			return err
		}
		return r.restore(c.Context, p, c.Bool("detach"))
	},
}
