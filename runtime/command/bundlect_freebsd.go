package command

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/bundle"
)

func toCT(context.Context, *cli.Context, *bundle.GenerateOptions) error {
	return errors.New("--to-ct: not supported on FreeBSD")
}
