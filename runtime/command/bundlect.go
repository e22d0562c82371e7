package command

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// toCTFlags returns the flags of bundle that need --to-ct.
func toCTFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "vmid", Usage: "`VMID` of the CT; the first that is free by default"},
		&cli.StringFlag{Name: "storage", Usage: "storage `NAME` for the CT's volume; by default the one in the configuration, or Proxmox VE's default"},
		&cli.Int64Flag{Name: "disk", Usage: "size of the CT's volume in `GiB`; by default a little more than the image needs"},
		&cli.BoolFlag{Name: "privileged", Usage: "make a CT without a user namespace"},
		&cli.StringFlag{Name: "tmpdir", Value: "/var/tmp", Usage: "temporary directory `DIR`; it needs room for twice the image's size"},
	}
}

// onlyToCT fails if one of these flags is set. It is called for a bundle without --to-ct.
func onlyToCT(c *cli.Context) error {
	for _, f := range toCTFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return fmt.Errorf("--%s requires --to-ct", name)
		}
	}
	return nil
}
