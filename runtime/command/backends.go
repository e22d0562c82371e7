package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/doctor"
)

// backendState is what the command prints about a backend.
type backendState struct {
	Name    string          `json:"name"`
	Default bool            `json:"default"`
	Usable  bool            `json:"usable"`
	Reason  string          `json:"reason,omitempty"`
	Tools   []backends.Tool `json:"tools,omitempty"`
}

var backendsCommand = &cli.Command{
	Name:  "backends",
	Usage: "show the backends and which of them work on this host",
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "select one of: table or json"},
	},
	Action: func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		chooser, err := chooser(c)
		if err != nil {
			return err
		}
		choice, err := chooser.General()
		if err != nil {
			return err
		}
		var list []backendState
		for _, m := range kinds(newSettings(c)) {
			s := describe(m)
			s.Default = s.Name == choice.Backend
			list = append(list, s)
		}
		return printBackends(c, list)
	},
}

func describe(m doctor.Backend) backendState {
	s := backendState{Name: m.Name}
	b, err := m.Make()
	if err == nil {
		err = b.Usable()
	}
	if e, ok := b.(backends.Versioner); ok {
		var toolErr error
		s.Tools, toolErr = e.Versions()
		if err == nil {
			err = toolErr
		}
	}
	s.Usable = err == nil
	if err != nil {
		s.Reason = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return s
}

func printBackends(c *cli.Context, list []backendState) error {
	switch format := c.String("format"); format {
	case "json":
		return json.NewEncoder(c.App.Writer).Encode(list)
	case "table":
	default:
		return fmt.Errorf("invalid format option %q: must be table or json", format)
	}
	w := tabwriter.NewWriter(c.App.Writer, 8, 1, 3, ' ', 0)
	fmt.Fprint(w, "NAME\tDEFAULT\tUSABLE\tTOOLS\tREASON\n")
	for _, s := range list {
		var tools []string
		for _, t := range s.Tools {
			tools = append(tools, t.String())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Name, yes(s.Default, ""), yes(s.Usable, "no"), strings.Join(tools, ", "), s.Reason)
	}
	return w.Flush()
}

func yes(is bool, otherwise string) string {
	if is {
		return "yes"
	}
	return otherwise
}
