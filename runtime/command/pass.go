package command

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
)

// call returns the command as it was given.
func call(c *cli.Context) backends.Call {
	return backends.Call{Command: c.Command.Name, Words: words(c)}
}

// pass hands a command over to the runtime that has the container.
func pass(c *cli.Context, id string) error {
	r, err := open(c)
	if err != nil {
		return err
	}
	return r.Pass(id, call(c))
}

// passOnlyID is the action of a command that is passed on and has no argument but an id.
func passOnlyID(c *cli.Context) error {
	id, err := onlyID(c)
	if err != nil {
		return err
	}
	return pass(c, id)
}

// firstID returns the container's id. The arguments after it are not berth's.
func firstID(c *cli.Context) (string, error) {
	if c.NArg() < 1 {
		return "", fmt.Errorf("berth: %q requires a minimum of 1 argument", c.Command.Name)
	}
	return c.Args().First(), nil
}
