package command

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

var execCommand = &cli.Command{
	Name:      "exec",
	Usage:     "execute new process inside the container",
	ArgsUsage: "<container-id> <command> [command options]  || -p process.json <container-id>",
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "console-socket", Usage: "`PATH` to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal"},
		&cli.StringFlag{Name: "pidfd-socket", Usage: "`PATH` to an AF_UNIX socket which will receive a file descriptor referencing the exec process"},
		&cli.StringFlag{Name: "cwd", Usage: "current working directory `DIR` in the container"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "set environment variables"},
		&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "allocate a pseudo-TTY"},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "UID (format: `<uid>[:<gid>]`)"},
		&cli.StringSliceFlag{Name: "additional-gids", Aliases: []string{"g"}, Usage: "additional gids"},
		&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Usage: "`PATH` to the process.json"},
		&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "detach from the container's process"},
		&cli.StringFlag{Name: "pid-file", Usage: "specify the `FILE` to write the process id to"},
		&cli.StringFlag{Name: "process-label", Usage: "set the asm process label for the process commonly used with selinux"},
		&cli.StringFlag{Name: "apparmor", Usage: "set the apparmor profile for the process"},
		&cli.BoolFlag{Name: "no-new-privs", Usage: "set the no new privileges value for the process"},
		&cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}, Usage: "add a capability to the bounding set for the process"},
		&cli.IntFlag{Name: "preserve-fds", Usage: "pass `N` additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)"},
		&cli.StringSliceFlag{Name: "cgroup", Usage: "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>."},
		&cli.BoolFlag{Name: "ignore-paused", Usage: "allow exec in a paused container"},
	},
	Action: func(c *cli.Context) error {
		id, err := firstID(c)
		if err != nil {
			return err
		}
		r, err := open(c)
		if err != nil {
			return err
		}
		status, err := execIn(c, r, id)
		if err != nil {
			return &failure{execFailed, fmt.Errorf("exec failed: %w", err)}
		}
		if status != 0 {
			return exitStatus(status)
		}
		return nil
	},
}

// execFailed is runc's exit status for an exec that failed.
const execFailed = 255

func execIn(c *cli.Context, all *containers, id string) (int, error) {
	cgroup, err := subCgroup(c.StringSlice("cgroup"))
	if err != nil {
		return -1, err
	}
	r, found, err := all.find(id)
	if err != nil {
		return -1, err
	}
	return r.Exec(c.Context, found, runtime.ExecOptions{
		ExecOptions: backends.ExecOptions{
			Cgroup:        cgroup,
			ConsoleSocket: c.String("console-socket"),
			PidfdSocket:   c.String("pidfd-socket"),
			PreserveFDs:   c.Int("preserve-fds"),
		},
		Process:      execProcess(c),
		Detach:       c.Bool("detach"),
		PidFile:      c.String("pid-file"),
		IgnorePaused: c.Bool("ignore-paused"),
		Inherited:    inherited,
	})
}
