package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
)

var psCommand = &cli.Command{
	Name:      "ps",
	Usage:     "ps displays the processes running inside a container",
	ArgsUsage: "<container-id> [ps options]",
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "select one of: table or json"},
	},
	Action: func(c *cli.Context) error {
		id, err := firstID(c)
		if err != nil {
			return err
		}
		r, found, err := find(c, id)
		if err != nil {
			return err
		}
		pids, err := r.Pids(found)
		if err != nil {
			return err
		}
		switch format := c.String("format"); format {
		case "table":
			return psTable(c.App.Writer, c.Args().Tail(), pids)
		case "json":
			return json.NewEncoder(c.App.Writer).Encode(append([]int{}, pids...))
		default:
			return fmt.Errorf("invalid format option %q: must be table or json", format)
		}
	},
}

// psTable runs ps(1) and prints the lines of the given pids, as runc does.
func psTable(w io.Writer, args []string, pids []int) error {
	if len(args) == 0 {
		args = []string{"-ef"}
	}
	program, err := backends.FindTool("ps", "install Debian's package procps")
	if err != nil {
		return err
	}
	output, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ps: %w: %s", err, strings.TrimSpace(string(output)))
	}
	lines := strings.Split(string(output), "\n")
	at := slices.Index(strings.Fields(lines[0]), "PID")
	if at < 0 {
		return errors.New("couldn't find PID field in ps output")
	}
	fmt.Fprintln(w, lines[0])
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) <= at {
			continue
		}
		pid, err := strconv.Atoi(fields[at])
		if err != nil {
			return fmt.Errorf("unable to parse pid: %w", err)
		}
		if slices.Contains(pids, pid) {
			fmt.Fprintln(w, line)
		}
	}
	return nil
}
