package command

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

var explainCommand = &cli.Command{
	Name:      "explain",
	Usage:     "show what create would do with a bundle, without doing it",
	ArgsUsage: "[bundle]",
	Description: `Show what 'berth create' would do on this host: the commands, the configuration
that LXC would read, the mounts, limits and the process. Each line shows the JSON path
of the field from which it comes. Nothing is created. A value that is only known when
a container is created is in braces, such as {pid}.`,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "backend", Usage: "backend `NAME`; by default the one that create would choose"},
		&cli.StringFlag{Name: "id", Usage: "`ID` of the container; by default the bundle's name"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	},
	Action: func(c *cli.Context) error {
		dir, err := onlyBundle(c)
		if err != nil {
			return err
		}
		id := c.String("id")
		if id == "" {
			if id, err = nameOf(dir); err != nil {
				return err
			}
		}
		o, err := createOptions(c, dir)
		if err != nil {
			return err
		}
		r, err := open(c)
		if err != nil {
			return err
		}
		p, err := runtime.NewPlan(id, *o)
		if err != nil {
			return err
		}
		container, x, err := r.explain(p)
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return printJSON(c, struct {
				ID       string               `json:"id"`
				Backend  string               `json:"backend"`
				Sections backends.Explanation `json:"sections"`
			}{id, container.Backend, x})
		}
		return printExplanation(c, container, x)
	},
}

// nameOf returns the name of a bundle's directory.
func nameOf(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	return filepath.Base(abs), err
}

func printExplanation(c *cli.Context, container *backends.Container, x backends.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# container %s, backend %s\n", container.ID, container.Backend)
	for _, s := range x {
		fmt.Fprintf(&b, "\n# %s\n", s.Title)
		width := 0
		for _, l := range s.Lines {
			// A long line does not widen the column.
			if n := len(l.Text); l.From != "" && n <= 80 {
				width = max(width, n)
			}
		}
		for _, l := range s.Lines {
			if l.From == "" {
				fmt.Fprintln(&b, l.Text)
			} else {
				fmt.Fprintf(&b, "%-*s  # %s\n", width, l.Text, l.From)
			}
		}
	}
	_, err := fmt.Fprint(c.App.Writer, b.String())
	return err
}
