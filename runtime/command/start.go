package command

import "github.com/urfave/cli/v2"

var startCommand = &cli.Command{
	Name:      "start",
	Usage:     "executes the user defined process in a created container",
	ArgsUsage: "<container-id>",
	Action: func(c *cli.Context) error {
		r, found, err := findOnly(c)
		if err != nil {
			return err
		}
		return r.Start(c.Context, found)
	},
}
