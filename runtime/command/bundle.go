package command

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/bundle"
	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/bundle/layer"
	"github.com/berth-oci/berth/spec"
)

var bundleCommand = &cli.Command{
	Name:      "bundle",
	Usage:     "make a bundle, or a persistent CT, from an image or a root file system",
	ArgsUsage: "<source> <bundle> [-- <args>...]",
	Description: `Make a bundle, which is rootfs and config.json, from a source:

   oci:DIR[:TAG]              an OCI image layout
   oci-archive:FILE[:TAG]     an OCI image layout in a tar archive
   docker-archive:FILE[:REF]  an archive from docker save or podman save
   DIR                        a root file system
   FILE or -                  a tar archive of a root file system, plain or compressed
                              with gzip or zstd

The args replace the image's command. berth writes the bundle into a hidden directory
beside its place and renames it when it is complete. It checks layers against their
digests, and refuses entries that name a path outside the root.

With --to-ct, berth makes no bundle: the root file system becomes a volume of a new
Proxmox VE CT, which berth does not manage afterwards.`,
	Flags: bundleFlags(),
	Action: func(c *cli.Context) error {
		words, args := c.Args().Slice(), []string(nil)
		for i, word := range words {
			if word == "--" {
				words, args = words[:i], words[i+1:]
				break
			}
		}
		o, err := generateOptions(c, args)
		if err != nil {
			return err
		}
		ctx, stop := interruptible(c.Context)
		defer stop()
		bar := newProgress(c.App.ErrWriter, c.Bool("quiet"))
		o.Progress = bar
		defer bar.Close()
		if c.Bool("to-ct") {
			if len(words) != 1 {
				return fmt.Errorf("berth: %q with --to-ct requires exactly 1 argument, a source", c.Command.Name)
			}
			o.Source = words[0]
			return toCT(ctx, c, o)
		}
		if err := onlyToCT(c); err != nil {
			return err
		}
		if len(words) != 2 {
			return fmt.Errorf("berth: %q requires exactly 2 arguments, a source and the bundle to make", c.Command.Name)
		}
		o.Source = words[0]
		return bundle.Generate(ctx, words[1], o)
	},
}

func bundleFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "backend", Usage: "make the bundle for backend `NAME`; jail or freebsd make it for FreeBSD"},
		&cli.StringFlag{Name: "platform", Usage: "platform `OS/ARCH[/VARIANT]` of the image, if there are several; the host's by default"},
		&cli.StringFlag{Name: "entrypoint", Usage: "`PROGRAM` that replaces the image's entry point and command"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "additional environment variable `NAME=VALUE`"},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "`USER[:GROUP]` of the process, as names or ids"},
		&cli.StringFlag{Name: "cwd", Usage: "working directory `DIR` of the process"},
		&cli.StringFlag{Name: "hostname", Usage: "hostname `NAME` of the container; the bundle's name by default"},
		&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "give the process a terminal"},
		&cli.BoolFlag{Name: "read-only", Usage: "mount the root read-only"},
		&cli.StringFlag{Name: "volumes", Value: "tmpfs", Usage: "make the image's volumes of `KIND` tmpfs (in memory, with the image's content) or directory (in the root)"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "annotation `KEY=VALUE` in config.json"},
		&cli.BoolFlag{Name: "devices", Usage: "make the device nodes in layers instead of refusing them"},
		&cli.StringFlag{Name: "max-size", Value: "64G", Usage: "largest total `SIZE` of all files, with the unit K, M, G or T"},
		&cli.StringFlag{Name: "max-file-size", Value: "8G", Usage: "largest `SIZE` of one file"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "do not show progress"},
		&cli.BoolFlag{Name: "to-ct", Usage: "make a persistent Proxmox VE CT instead of a bundle"},
	}, toCTFlags()...)
}

func generateOptions(c *cli.Context, args []string) (*bundle.GenerateOptions, error) {
	o := &bundle.GenerateOptions{Warn: logrus.Warnf}
	o.Choices = bundle.Choices{
		Platform: spec.Platform, Args: args, Env: c.StringSlice("env"), User: c.String("user"), Cwd: c.String("cwd"),
		Hostname: c.String("hostname"), Terminal: c.Bool("tty"), ReadOnly: c.Bool("read-only"), Annotations: map[string]string{},
	}
	loaded, err := newSettings(c).load()
	if err != nil {
		return nil, err
	}
	o.Reserved = loaded.Keys()
	switch name := backendFlag(c); {
	case name == "" || slices.Contains(backendNames(), name):
	case name == spec.Linux:
		o.Platform = spec.Linux
	case name == spec.FreeBSD || name == jailName:
		o.Platform = spec.FreeBSD
	default:
		return nil, fmt.Errorf("backend %q: this build of berth has no such backend", name)
	}
	o.Image = image.HostPlatform(o.Platform)
	if text := c.String("platform"); text != "" {
		if o.Image, err = image.ParsePlatform(text); err != nil {
			return nil, err
		}
	}
	if program := c.String("entrypoint"); program != "" {
		o.Entrypoint = []string{program}
	}
	switch kind := c.String("volumes"); kind {
	case "tmpfs":
	case "directory":
		o.PlainVolumes = true
	default:
		return nil, fmt.Errorf("--volumes must be tmpfs or directory, not %q", kind)
	}
	for _, pair := range c.StringSlice("annotation") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--annotation must be KEY=VALUE, not %q", pair)
		}
		o.Annotations[key] = value
	}
	o.Layers = layer.Options{Limits: layer.DefaultLimits, Devices: c.Bool("devices")}
	if o.Layers.Limits.Total, err = size("--max-size", c.String("max-size")); err != nil {
		return nil, err
	}
	o.Layers.Limits.File, err = size("--max-file-size", c.String("max-file-size"))
	return o, err
}

// errInterrupted is the cause with which a signal cancels a command.
var errInterrupted = errors.New("interrupted: berth has removed what it had made")

// interruptible returns a context that ends at the signals that end a program. Further signals
// change nothing, because the command must still remove what it has made (timeout(1) sends two).
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	release := context.AfterFunc(signals, func() { cancel(errInterrupted) })
	return ctx, func() {
		release()
		stop()
		cancel(nil)
	}
}
