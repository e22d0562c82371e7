package command

import (
	"github.com/pelletier/go-toml/v2"
	"github.com/urfave/cli/v2"
)

var configCommand = &cli.Command{
	Name:  "config",
	Usage: "show the configuration in effect, as TOML",
	Description: `Show the configuration in effect: the settings in the file, and the defaults of all
other settings. The output can be used as the file.`,
	Action: func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		chooser, err := chooser(c)
		if err != nil {
			return err
		}
		if chooser.Config.Default == "" {
			chooser.Config.Default = chooser.Host
		}
		data, err := toml.Marshal(chooser.Config)
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(data)
		return err
	},
}
