// Package command is the command line: runc's, flag for flag, plus berth's own flags and commands,
// such as --backend. A command reads its arguments, makes one call into package runtime or package
// delegation, and prints.
package command

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends/crun"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime/config"
	"github.com/berth-oci/berth/spec"
)

// Version, Commit and Date are set when berth is built.
var (
	Version = "0.1.0-dev"
	Commit  = ""
	Date    = "" // of the commit
)

const usage = `runs OCI containers as Proxmox VE or LXC containers

berth takes runc's place under a container engine. A container's backend is chosen
by --backend, by the name under which berth is called (berth-lxc, berth-pct, berth-crun,
berth-runc), by an annotation, or by the configuration. If none of these names a
backend, it is pct on a Proxmox VE host and lxc elsewhere.`

// Run executes the command line and returns the exit status.
func Run(args []string) int {
	record.Writer = strings.TrimSpace("berth " + Version + " " + Commit)
	app := App()
	begin := time.Now()
	words := arrange(app, fromRunj(args))
	err := app.Run(words)
	if opened != nil {
		opened.own.Log(called[0], begin, err)
		finishOwed(called[0], words[1:len(words)-len(called)])
	}
	return exitCode(err)
}

// App returns the command line as a value. The manual is made from it.
func App() *cli.App {
	app := &cli.App{
		Name:            "berth",
		Usage:           usage,
		Version:         version(),
		Flags:           globalFlags(),
		Before:          before,
		CommandNotFound: notFound,
		OnUsageError:    usageError,
		HideHelpCommand: false,
		Compiled:        time.Unix(0, 0), // else the library looks for the program's file
		// A comma is part of a value, as in exec --env.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		// The library sorts the groups by name.
		Commands: slices.Concat(
			group("Bundles", bundleCommand, explainCommand, specCommand, validateCommand),
			group("Containers", checkpointCommand, createCommand, deleteCommand, eventsCommand, execCommand, killCommand, listCommand, pauseCommand,
				psCommand, restoreCommand, resumeCommand, runCommand, startCommand, stateCommand, updateCommand),
			group("Host", backendsCommand, configCommand, doctorCommand, featuresCommand),
			group("Proxmox VE", pctCommand),
		),
	}
	for _, command := range app.Commands {
		// "help" and "h" are valid ids of containers.
		command.HideHelpCommand = true
	}
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprint(c.App.Writer, "berth version "+c.App.Version+"\n") }
	return app
}

// group puts commands below a heading in the help.
func group(heading string, commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.Category = heading
	}
	return commands
}

// exitCode reports err, unless the program that failed has done so, and returns berth's exit
// status.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	code := 1
	var failed *failure
	if errors.As(err, &failed) {
		code = failed.status
	}
	var told *crun.Reported
	if !errors.As(err, &told) {
		report(err)
		return code
	}
	if err != error(told) {
		report(err)
	}
	return told.Status
}

// exitStatus is an error that ends berth with this status and without a message, as with the status
// of the container's process.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// failure is an error with an exit status of its own.
type failure struct {
	status int
	error
}

func (f *failure) Unwrap() error { return f.error }

func version() string {
	v := Version
	if Commit != "" {
		v += "\ncommit: " + Commit
	}
	if Date != "" {
		v += "\ndate: " + Date
	}
	v += "\nspec: " + specs.Version + "\ngo: " + goruntime.Version()
	if library := libseccomp(); library != "" {
		v += "\nlibseccomp: " + library
	}
	return v
}

// unknownCommand is runc's exit status for an unknown command.
const unknownCommand = 3

func notFound(c *cli.Context, name string) {
	fmt.Fprintf(c.App.Writer, "No help topic for '%s'. %s\n", name, cli.SuggestCommand(c.App.Commands, name))
	os.Exit(unknownCommand)
}

func usageError(_ *cli.Context, err error, _ bool) error { return err }

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "debug", Usage: "enable debug logging"},
		&cli.StringFlag{Name: "log", Usage: "set the log `FILE` to write to (default is '/dev/stderr')"},
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "set the log format ('text' (default), or 'json')"},
		&cli.StringFlag{Name: "root", Value: defaultRoot(), Usage: "root directory `DIR` for storage of container state (this should be located in tmpfs)"},
		&cli.BoolFlag{Name: "systemd-cgroup", Usage: "enable systemd cgroup support, expects cgroupsPath to be of form \"slice:prefix:name\" for e.g. \"system.slice:berth:434234\""},
		&cli.StringFlag{Name: "rootless", Value: "auto", Usage: "ignore cgroup permission errors ('true', 'false', or 'auto'); used only by the runc backend"},
		&cli.StringFlag{Name: "cgroup-manager", Usage: "cgroup manager `NAME`, as in crun: cgroupfs, systemd or disabled"},
		&cli.StringFlag{Name: "backend", Usage: "backend `NAME` for new containers: " + strings.Join(backendNames(), ", ")},
		&cli.StringFlag{Name: "config", Usage: "configuration `FILE` (default is " + config.File + ", if it exists)"},
	}
}

// before sets up what every command needs.
func before(c *cli.Context) error {
	called = c.Args().Slice()
	if err := setUpLog(c); err != nil {
		return err
	}
	switch c.String("rootless") {
	case "true", "false", "auto":
	default:
		return fmt.Errorf("invalid --rootless value %q: must be true, false or auto", c.String("rootless"))
	}
	switch c.String("cgroup-manager") {
	case "", "cgroupfs", "systemd", "disabled":
	default:
		return fmt.Errorf("invalid --cgroup-manager value %q: must be cgroupfs, systemd or disabled", c.String("cgroup-manager"))
	}
	// podman calls kill and delete without PATH.
	if os.Getenv("PATH") == "" {
		return os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return nil
}

// called is the command's name and the words after it.
var called []string

// noArguments fails if a command got arguments. The words are runc's.
func noArguments(c *cli.Context) error {
	if c.NArg() != 0 {
		return fmt.Errorf("berth: %q requires exactly 0 arguments", c.Command.Name)
	}
	return nil
}

// onlyID returns the container's id. It fails if a command got anything else than one id.
func onlyID(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("berth: %q requires exactly 1 argument", c.Command.Name)
	}
	return c.Args().First(), nil
}

// firstID returns the container's id. The arguments after it are not berth's.
func firstID(c *cli.Context) (string, error) {
	if c.NArg() < 1 {
		return "", fmt.Errorf("berth: %q requires a minimum of 1 argument", c.Command.Name)
	}
	return c.Args().First(), nil
}

func report(err error) {
	// Write one line, even if a tool's message has several.
	message := strings.Join(strings.FieldsFunc(spec.Shorten(err.Error()), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	logrus.Error(message)
	if logrus.StandardLogger().Out != os.Stderr {
		fmt.Fprintln(os.Stderr, message)
	}
}
