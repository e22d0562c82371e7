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
	Description: `Make a bundle, rootfs and config.json, from SOURCE:

   oci:DIR[:TAG]              an OCI image layout
   oci-archive:FILE[:TAG]     one in a tar archive
   docker-archive:FILE[:REF]  what docker save and podman save write
   DIR                        a root file system
   FILE or -                  a tar archive of one, plain or compressed by gzip or zstd

Args take the place of the image's command. The bundle is written beside its place
and named when it is whole. Layers are checked against their digests; what names a
place outside of the root is refused.

With --to-ct no bundle is named: the root file system becomes a volume of a new CT
of Proxmox VE's own, which then has nothing to do with berth.`,
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
			return fmt.Errorf("berth: %q requires exactly 2 arguments, a source and the bundle to be made", c.Command.Name)
		}
		o.Source = words[0]
		return bundle.Generate(ctx, words[1], o)
	},
}

func bundleFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "backend", Usage: "`NAME` of the backend that the bundle is for; jail, or freebsd, makes one for FreeBSD"},
		&cli.StringFlag{Name: "platform", Usage: "`OS/ARCH[/VARIANT]` of the image, where there are several"},
		&cli.StringFlag{Name: "entrypoint", Usage: "`PROGRAM` in place of the image's entry point and command"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` of a further environment variable"},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "`USER[:GROUP]`, names or ids"},
		&cli.StringFlag{Name: "cwd", Usage: "working `DIR`ectory"},
		&cli.StringFlag{Name: "hostname", Usage: "`NAME` of the container's host; the bundle's by default"},
		&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "the process gets a terminal"},
		&cli.BoolFlag{Name: "read-only", Usage: "the root is mounted read-only"},
		&cli.StringFlag{Name: "volumes", Value: "tmpfs", Usage: "the image's volumes are `KIND`: tmpfs (in memory, with the image's content) or directory (of the root)"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` for config.json"},
		&cli.BoolFlag{Name: "devices", Usage: "make the device nodes that layers hold, instead of refusing them"},
		&cli.StringFlag{Name: "max-size", Value: "64G", Usage: "largest `SIZE` of all files together, with units K, M, G, T"},
		&cli.StringFlag{Name: "max-file-size", Value: "8G", Usage: "largest `SIZE` of one file"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "do not tell how it gets on"},
		&cli.BoolFlag{Name: "to-ct", Usage: "make a persistent CT of Proxmox VE's"},
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
		return nil, fmt.Errorf("backend %q: there is no such backend", name)
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
		return nil, fmt.Errorf("--volumes %q: it is tmpfs or directory", kind)
	}
	for _, pair := range c.StringSlice("annotation") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--annotation %q is not KEY=VALUE", pair)
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
var errInterrupted = errors.New("interrupted: nothing is left of it")

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
