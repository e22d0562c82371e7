// Package command is the command line: runc's, flag for flag, and berth's own
// --backend. A command reads its arguments, makes one call into package
// runtime, and prints.
package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/runtime"
)

// Version is set when berth is built.
var (
	Version = "0.1.0-dev"
	Commit  = ""
)

const usage = `runs OCI containers as Proxmox VE or LXC containers

berth takes runc's place under a container engine. The backend that a container
gets is named by --backend, or by the name that berth is called by (berth-lxc,
berth-pct); without either it is pct on a Proxmox VE host and lxc elsewhere.`

// Run executes the command line and returns the exit status.
func Run(args []string) int {
	app := &cli.App{
		Name:            "berth",
		Usage:           usage,
		Version:         version(),
		Flags:           globalFlags(),
		Before:          before,
		CommandNotFound: notFound,
		OnUsageError:    usageError,
		HideHelpCommand: false,
		ExitErrHandler:  func(*cli.Context, error) {},
		Commands: []*cli.Command{
			createCommand, deleteCommand, featuresCommand, killCommand, listCommand,
			runCommand, specCommand, startCommand, stateCommand,
		},
	}
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprint(c.App.Writer, "berth version "+c.App.Version+"\n") }
	err := app.Run(args)
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	if err != nil {
		report(err)
		return 1
	}
	return 0
}

// exitStatus ends berth with a status and no message: that of the container's
// process.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func version() string {
	v := Version
	if Commit != "" {
		v += "\ncommit: " + Commit
	}
	return v + "\nspec: " + specs.Version
}

// unknownCommand is the exit status that runc has for it.
const unknownCommand = 3

func notFound(c *cli.Context, name string) {
	fmt.Fprintf(c.App.Writer, "No help topic for '%s'\n", name)
	os.Exit(unknownCommand)
}

func usageError(_ *cli.Context, err error, _ bool) error { return err }

// defaultRoot is where records are kept.
const defaultRoot = "/run/berth"

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "debug", Usage: "enable debug logging"},
		&cli.StringFlag{Name: "log", Usage: "set the log `FILE` to write to (default is '/dev/stderr')"},
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "set the log format ('text' (default), or 'json')"},
		&cli.StringFlag{Name: "root", Value: defaultRoot, Usage: "root `DIR`ectory for storage of container state (this should be located in tmpfs)"},
		&cli.BoolFlag{Name: "systemd-cgroup", Usage: "enable systemd cgroup support, expects cgroupsPath to be of form \"slice:prefix:name\" for e.g. \"system.slice:berth:434234\""},
		&cli.StringFlag{Name: "rootless", Value: "auto", Usage: "accepted for runc's sake ('true', 'false', or 'auto'); berth runs as root"},
		&cli.StringFlag{Name: "backend", Usage: "`NAME` of the backend for containers that are created: lxc or pct"},
	}
}

// before sets up what every command needs.
func before(c *cli.Context) error {
	if err := keepDescriptors(); err != nil {
		return err
	}
	if err := setUpLog(c); err != nil {
		return err
	}
	switch c.String("rootless") {
	case "true", "false", "auto":
	default:
		return fmt.Errorf("invalid --rootless value %q: it is true, false or auto", c.String("rootless"))
	}
	// podman calls kill and delete without PATH.
	if os.Getenv("PATH") == "" {
		return os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return nil
}

func open(c *cli.Context) (*runtime.Runtime, error) {
	return runtime.New(c.String("root"), available()...)
}

// chosenBackend is the backend for a new container: by flag, by the name that
// berth is called by, or by what the host is.
func chosenBackend(c *cli.Context) (string, error) {
	if name := c.String("backend"); name != "" {
		return name, known(name)
	}
	if _, name, found := strings.Cut(filepath.Base(os.Args[0]), "berth-"); found {
		return name, known(name)
	}
	return defaultBackend(), nil
}

func known(name string) error {
	var names []string
	for _, b := range available() {
		if b.Name() == name {
			return nil
		}
		names = append(names, b.Name())
	}
	return fmt.Errorf("backend %q: there is none of this name; there are: %s", name, strings.Join(names, ", "))
}

// onlyID checks that a command got a container's id and nothing else.
func onlyID(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("berth: %q requires exactly 1 argument", c.Command.Name)
	}
	return c.Args().First(), nil
}

func report(err error) {
	// One line, whatever a tool's message looked like.
	message := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	logrus.Error(message)
	if logrus.StandardLogger().Out != os.Stderr {
		fmt.Fprintln(os.Stderr, message)
	}
}
