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
	Usage: "check that this host has what berth needs, and find what containers have left behind",
	Description: `Check the kernel, cgroups, the backends and their tools, the state directory, and the
configuration of the installed container engines. Also find what is left of
containers without a record, and records without a container. With --fix, berth
names what was left behind and then removes it. With --owed, berth only finishes
deletes in the state directory that did not complete, for example because Proxmox VE
was backing up the CT. create and delete do this in the background if necessary.

The exit status is 0 if there are no problems, 1 if there are warnings, and 2 if there
are failures. With --fix, what berth could remove does not count.`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.BoolFlag{Name: "fix", Usage: "remove what containers have left behind"},
		&cli.BoolFlag{Name: owedFlag, Usage: "only finish deletes in the state directory that did not complete"},
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
			return r.own.FinishOwed(c.Context)
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
	return &doctor.Doctor{Dir: "/", Root: r.own.Root(), System: defaultRoot(), Program: program, Open: openForDoctor(c), Backends: kinds(s), Default: chosen, Sockets: diagnoseSockets()}, nil
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
