package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

var eventsCommand = &cli.Command{
	Name:      "events",
	Usage:     "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
	ArgsUsage: "<container-id>",
	Flags: []cli.Flag{
		&cli.DurationFlag{Name: "interval", Value: 5 * time.Second, Usage: "set the stats collection interval"},
		&cli.BoolFlag{Name: "stats", Usage: "display the container's stats then exit"},
	},
	Action: func(c *cli.Context) error {
		id, err := onlyID(c)
		if err != nil {
			return err
		}
		interval := c.Duration("interval")
		if interval <= 0 {
			return errors.New("duration interval must be greater than 0")
		}
		r, found, err := find(c, id)
		if err != nil {
			return err
		}
		out := json.NewEncoder(c.App.Writer)
		if c.Bool("stats") {
			var s *backends.Stats
			if s, err = r.Stats(found); err == nil {
				return out.Encode(runtime.Event{Type: "stats", ID: id, Data: s})
			}
		} else {
			err = r.Events(c.Context, found, interval, func(e runtime.Event) error { return out.Encode(e) })
		}
		if errors.Is(err, runtime.ErrNotRunning) {
			return fmt.Errorf("container with id %s is not running", id)
		}
		return err
	},
}
