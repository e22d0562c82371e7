package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/bundle"
)

// toCTFlags are for bundle --to-ct.
func toCTFlags() []cli.Flag { return nil }

func onlyToCT(c *cli.Context) error {
	for _, f := range toCTFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return fmt.Errorf("--%s is for --to-ct only", name)
		}
	}
	return nil
}

func toCT(context.Context, *cli.Context, *bundle.GenerateOptions) error {
	return errors.New("not yet")
}
