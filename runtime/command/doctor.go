package command

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime/doctor"
)

// Exit statuses of doctor.
const (
	someWarned = 1
	someFailed = 2
)

var doctorCommand = &cli.Command{
	Name:  "doctor",
	Usage: "examine this host: is all there that berth needs, is anything left behind",
	Description: `Examine the kernel, cgroups, the backends and their tools, the state directory, the
configuration of the container engines that are installed, and whether there is
anything of a container without its record, or a record without its container.
With --fix what was left behind is removed, after it has been named.
With --owed berth does nothing but finish what deletes in the state directory could
not, such as of a container that Proxmox VE was backing up; create and delete start
that in the background when there is something.

The exit status is 0 if all is well, 1 with warnings, 2 with failures; with --fix
what could be removed does not count.`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.BoolFlag{Name: "fix", Usage: "remove what containers have left behind"},
		&cli.BoolFlag{Name: owedFlag, Usage: "only finish what deletes in the state directory could not"},
	},
	Action: func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		if c.Bool(owedFlag) {
			r, err := open(c)
			if err != nil {
				return err
			}
			return r.FinishOwed(c.Context)
		}
		d, err := newDoctor(c)
		if err != nil {
			return err
		}
		findings := d.Diagnose(c.Context)
		rows := make([]diagnosed, len(findings))
		for i, f := range findings {
			rows[i] = diagnosed{Finding: f}
		}
		if !c.Bool("json") {
			printFindings(c, findings)
		}
		if c.Bool("fix") {
			mend(c, rows)
		}
		if c.Bool("json") {
			if err := printJSON(c, rows); err != nil {
				return err
			}
		} else {
			fmt.Fprintln(c.App.Writer, summary(rows))
		}
		if status := verdict(rows); status != 0 {
			return exitStatus(status)
		}
		return nil
	},
}

func newDoctor(c *cli.Context) (*doctor.Doctor, error) {
	r, err := open(c)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := newSettings(c)
	chosen := defaultBackend()
	if name := s.known().Default; name != "" {
		chosen = name
	}
	return &doctor.Doctor{Dir: "/", Root: r.Root(), System: defaultRoot(), Program: program, Makers: makers(s), Default: chosen, Sockets: diagnoseSockets()}, nil
}

// diagnosed is a finding and the result of its fix.
type diagnosed struct {
	backends.Finding
	Fixed bool   `json:"fixed,omitempty"`
	Error string `json:"error,omitempty"`
}

// mend removes what can be removed. It notes failures and goes on.
func mend(c *cli.Context, rows []diagnosed) {
	for i := range rows {
		r := &rows[i]
		if r.Fix == nil {
			continue
		}
		if err := r.Fix(context.WithoutCancel(c.Context)); err != nil {
			r.Error = err.Error()
		} else {
			r.Fixed = true
		}
		if c.Bool("json") {
			continue
		}
		if r.Fixed {
			fmt.Fprintf(c.App.Writer, "fixed  %s: %s\n", r.Check, r.Looked)
		} else {
			fmt.Fprintf(c.App.Writer, "NOT fixed  %s: %s\n", r.Check, r.Error)
		}
	}
}

func verdict(rows []diagnosed) int {
	status := 0
	for _, r := range rows {
		switch {
		case r.Fixed:
		case r.Verdict == backends.Fail:
			status = someFailed
		case r.Verdict == backends.Warn:
			status = max(status, someWarned)
		}
	}
	return status
}

// summary counts the findings, in one line.
func summary(rows []diagnosed) string {
	counts := map[backends.Verdict]int{}
	fixed := 0
	for _, r := range rows {
		if r.Fixed {
			fixed++
			continue
		}
		counts[r.Verdict]++
	}
	text := fmt.Sprintf("%d checks: %d passed, %d with a warning, %d failed", len(rows), counts[backends.Pass], counts[backends.Warn], counts[backends.Fail])
	if fixed > 0 {
		text += fmt.Sprintf(", %d fixed", fixed)
	}
	return text
}

func printFindings(c *cli.Context, list []backends.Finding) {
	width := 0
	for _, f := range list {
		width = max(width, len(f.Check))
	}
	for _, f := range list {
		fmt.Fprintf(c.App.Writer, "%-4s  %-*s  %s\n", f.Verdict, width, f.Check, oneLine(f.Looked))
		if f.Advice != "" {
			margin := strings.Repeat(" ", width+8)
			fmt.Fprintf(c.App.Writer, "%s→ %s\n", margin, strings.ReplaceAll(f.Advice, "\n", "\n"+margin+"  "))
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
