package command

import (
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/runtime"
)

var runCommand = &cli.Command{
	Name:      "run",
	Usage:     "create and run a container",
	ArgsUsage: "<container-id>",
	Description: `The run command creates a container, starts its process, waits for it, and
deletes the container. It exits with the process's status.`,
	Flags: append(createFlags(),
		&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "detach from the container's process"},
		&cli.BoolFlag{Name: "keep", Usage: "do not delete the container after it exits"},
		&cli.BoolFlag{Name: "no-subreaper", Usage: "disable the use of the subreaper used to reap reparented processes"},
	),
	Action: func(c *cli.Context) error {
		r, p, err := plan(c)
		if err != nil {
			return err
		}
		status, err := r.run(c.Context, p, runtime.RunOptions{
			Detach:      c.Bool("detach"),
			Keep:        c.Bool("keep"),
			NoSubreaper: c.Bool("no-subreaper"),
		})
		if err != nil {
			return err
		}
		if status != 0 {
			return exitStatus(status)
		}
		return nil
	},
}
