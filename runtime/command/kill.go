package command

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/signal"
	"github.com/urfave/cli/v2"
)

var killCommand = &cli.Command{
	Name:      "kill",
	Usage:     "kill sends the specified signal (default: SIGTERM) to the container's init process",
	ArgsUsage: "<container-id> [signal]",
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "send the signal to all processes in the container"},
	},
	Action: func(c *cli.Context) error {
		if c.NArg() < 1 || c.NArg() > 2 {
			return fmt.Errorf("berth: %q requires a container ID and at most one signal", c.Command.Name)
		}
		name := c.Args().Get(1)
		if name == "" {
			name = "SIGTERM"
		}
		sig, err := parseSignal(name)
		if err != nil {
			return err
		}
		r, found, err := find(c, c.Args().First())
		if err != nil {
			return err
		}
		return r.Kill(c.Context, found, sig, c.Bool("all"))
	},
}

// lastSignal is SIGRTMAX (signal(7)).
const lastSignal = 64

// parseSignal reads a signal's number, or its name with or without SIG; names like RTMIN+3 are
// allowed.
func parseSignal(name string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 || n > lastSignal {
			return 0, fmt.Errorf("unknown signal %q: a number must be from 1 to %d", name, lastSignal)
		}
		return syscall.Signal(n), nil
	}
	sig, ok := signal.SignalMap[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	if !ok {
		return 0, fmt.Errorf("unknown signal %q", name)
	}
	return sig, nil
}
