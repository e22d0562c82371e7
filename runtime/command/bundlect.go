package command

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// toCTFlags returns the flags of bundle that need --to-ct.
func toCTFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "vmid", Usage: "`VMID` of the CT; the first free one by default"},
		&cli.StringFlag{Name: "storage", Usage: "`NAME` of the storage for the CT's volume; by default that of the configuration, or Proxmox VE's"},
		&cli.Int64Flag{Name: "disk", Usage: "size of the CT's volume in `GiB`; by default what the image needs and some more"},
		&cli.BoolFlag{Name: "privileged", Usage: "the CT has no user namespace"},
		&cli.StringFlag{Name: "tmpdir", Value: "/var/tmp", Usage: "`DIR`ectory with room for the image, twice, while the CT is made"},
	}
}

// onlyToCT fails if one of these flags is set. It is called for a bundle without --to-ct.
func onlyToCT(c *cli.Context) error {
	for _, f := range toCTFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return fmt.Errorf("--%s is for --to-ct only", name)
		}
	}
	return nil
}
