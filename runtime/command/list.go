package command

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
)

var listCommand = &cli.Command{
	Name:  "list",
	Usage: "lists containers started by berth with the given root",
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "select one of: table or json"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "display only container IDs"},
	},
	Action: func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		// Like runc, refuse a --root that does not exist: it is a mistake, not an empty directory.
		if root := c.String("root"); c.IsSet("root") {
			if _, err := os.Stat(root); err != nil {
				return fmt.Errorf("list: --root: %w", err)
			}
		}
		r, err := open(c)
		if err != nil {
			return err
		}
		// Show what could be read before the error.
		infos, listErr := r.List()
		list := make([]*containerState, len(infos))
		for i, info := range infos {
			list[i] = stateOf(info)
		}
		if err := printList(c, list); err != nil {
			return err
		}
		return listErr
	},
}

func printList(c *cli.Context, list []*containerState) error {
	if c.Bool("quiet") {
		for _, s := range list {
			fmt.Fprintln(c.App.Writer, s.ID)
		}
		return nil
	}
	switch format := c.String("format"); format {
	case "table":
		w := tabwriter.NewWriter(c.App.Writer, 12, 1, 3, ' ', 0)
		fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\tBACKEND\n")
		for _, s := range list {
			backend := s.Backend
			if s.Unrecorded {
				backend += " (unrecorded)"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner, backend)
		}
		return w.Flush()
	case "json":
		return json.NewEncoder(c.App.Writer).Encode(list)
	default:
		return fmt.Errorf("invalid format option %q: must be table or json", format)
	}
}
