package command

import (
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

// createFlags returns the flags of create. run and restore have them too.
func createFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "bundle directory `DIR`, defaults to the current directory"},
		&cli.StringFlag{Name: "console-socket", Usage: "`PATH` to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal"},
		&cli.StringFlag{Name: "pidfd-socket", Usage: "`PATH` to an AF_UNIX socket which will receive a file descriptor referencing the init process"},
		&cli.StringFlag{Name: "pid-file", Usage: "specify the `FILE` to write the process id to"},
		&cli.BoolFlag{Name: "no-pivot", Usage: "do not use pivot root to jail process inside rootfs; only the crun and runc backends support it"},
		&cli.BoolFlag{Name: "no-new-keyring", Usage: "do not create a new session keyring for the container: this will cause the container to inherit the calling processes session key"},
		&cli.IntFlag{Name: "preserve-fds", Usage: "pass `N` additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)"},
	}
}

var createCommand = &cli.Command{
	Name:      "create",
	Usage:     "create a container",
	ArgsUsage: "<container-id>",
	Description: `The create command creates a container from a bundle, which is a directory with
a config.json and a root filesystem. 'berth start' then runs the container's process.`,
	Flags: createFlags(),
	Action: func(c *cli.Context) error {
		r, p, err := plan(c)
		if err != nil {
			return err
		}
		return r.create(c.Context, p)
	},
}

// plan opens the state directory and plans the container that create, run or restore makes.
func plan(c *cli.Context) (*containers, *runtime.Plan, error) {
	id, err := onlyID(c)
	if err != nil {
		return nil, nil, err
	}
	o, err := createOptions(c, c.String("bundle"))
	if err != nil {
		return nil, nil, err
	}
	r, err := openToCreate(c)
	if err != nil {
		return nil, nil, err
	}
	p, err := runtime.NewPlan(id, *o)
	return r, p, err
}

func createOptions(c *cli.Context, bundle string) (*runtime.CreateOptions, error) {
	chooser, err := chooser(c)
	if err != nil {
		return nil, err
	}
	listen, err := listenFDs()
	if err != nil {
		return nil, err
	}
	if bundle == "" {
		bundle = "."
	}
	return &runtime.CreateOptions{
		CreateOptions: backends.CreateOptions{
			ConsoleSocket: c.String("console-socket"),
			PidFile:       c.String("pid-file"),
			PidfdSocket:   c.String("pidfd-socket"),
			NoPivot:       c.Bool("no-pivot"),
			NoNewKeyring:  c.Bool("no-new-keyring"),
			PreserveFDs:   c.Int("preserve-fds"),
			ListenFDs:     listen,
		},
		Bundle:        bundle,
		Choose:        choose(chooser),
		SystemdCgroup: c.Bool("systemd-cgroup") || c.String("cgroup-manager") == "systemd",
		NoCgroup:      c.String("cgroup-manager") == "disabled",
		Inherited:     inherited,
	}, nil
}

// listenFDs returns the number of sockets from systemd (sd_listen_fds(3)). Like crun it does not
// look at LISTEN_PID, because the sockets are passed on.
func listenFDs() (int, error) {
	v := os.Getenv("LISTEN_FDS")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("LISTEN_FDS must be a number of descriptors, not %q", v)
	}
	return n, nil
}
