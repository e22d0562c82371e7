package command

import (
	"context"
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends/pct"
	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/spec"
)

// toCT makes a persistent CT and prints its VMID.
func toCT(ctx context.Context, c *cli.Context, o *bundle.GenerateOptions) error {
	if o.Platform != spec.Linux {
		return fmt.Errorf("--to-ct: Proxmox VE supports only Linux CTs, not %s", o.Platform)
	}
	for _, name := range []string{"tty", "read-only", "volumes", "annotation"} {
		if c.IsSet(name) {
			return fmt.Errorf("--%s cannot be used with --to-ct: change the CT with pct set", name)
		}
	}
	settings, err := newSettings(c).load()
	if err != nil {
		return err
	}
	// A CT has nothing but its volume.
	o.PlainVolumes = true
	if o.Hostname == "" {
		o.Hostname = "berth"
	}
	return bundle.WithArchive(ctx, c.String("tmpdir"), o, func(a *bundle.Archived) error {
		p := &pct.PersistOptions{
			VMID: c.Int("vmid"), Template: a.File, Storage: settings.Pct.Storage, Disk: diskSize(a.Size),
			Unprivileged: !c.Bool("privileged"), Spec: a.Spec, StopSignal: stopSignal(a.Spec), Source: o.Source,
		}
		if name := c.String("storage"); name != "" {
			p.Storage = name
		}
		if c.IsSet("disk") {
			if p.Disk = c.Int64("disk"); p.Disk < 1 {
				return errors.New("--disk must be a number of GiB, at least 1")
			}
		}
		if groups := a.Spec.Process.User.AdditionalGids; p.Unprivileged && len(groups) > 0 {
			o.Warn("process.user.additionalGids: LXC does not give the groups %v to the process of an unprivileged CT", groups)
		}
		vmid, err := pct.Persist(ctx, pctSettings(newSettings(c)), p)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.App.Writer, vmid)
		return err
	})
}

// stopSignal returns the image's stop signal, or SIGTERM if it has none, as engines do.
func stopSignal(s *specs.Spec) string {
	if signal := s.Annotations["org.opencontainers.image.stopSignal"]; signal != "" {
		return signal
	}
	return "SIGTERM"
}

// diskSize returns the size of a volume in GiB: the files, a quarter more for the file system
// itself and its blocks, and one GiB to work with. files is in bytes.
func diskSize(files int64) int64 {
	const gib = 1 << 30
	return (files+files/4+gib-1)/gib + 1
}
