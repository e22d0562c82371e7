package command

import "github.com/urfave/cli/v2"

var pauseCommand = &cli.Command{
	Name:      "pause",
	Usage:     "pause suspends all processes inside the container",
	ArgsUsage: "<container-id>",
	Action: func(c *cli.Context) error {
		r, found, err := findOnly(c)
		if err != nil {
			return err
		}
		return r.Pause(c.Context, found)
	},
}
