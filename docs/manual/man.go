package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// pages returns the man pages by their file names: berth(8), and one per command.
func pages(a *cli.App) map[string][]byte {
	list := map[string][]byte{}
	summary, description, _ := strings.Cut(a.Usage, "\n")
	var b bytes.Buffer
	head(&b, "berth", summary, "berth [global options] command [options] [arguments]")
	text(&b, "DESCRIPTION", description)
	optionList(&b, "GLOBAL OPTIONS", a.Flags)
	fmt.Fprintf(&b, ".SH COMMANDS\n")
	for _, c := range a.Commands {
		fmt.Fprintf(&b, ".TP\n.BR berth-%s (8)\n%s\n", roff(c.Name), roff(c.Usage))
	}
	fmt.Fprintf(&b, ".SH FILES\n.TP\n.I /etc/berth/config.toml\nthe configuration file\n.TP\n.I /run/berth\nthe state directory, with the records of containers\n")
	fmt.Fprintf(&b, ".SH SEE ALSO\n.BR runc (8),\n.BR crun (1),\n.BR pct (1),\n.BR lxc.container.conf (5),\n.BR podman (1)\n")
	list["berth.8"] = bytes.Clone(b.Bytes())
	for _, c := range a.Commands {
		b.Reset()
		head(&b, "berth-"+c.Name, c.Usage, "berth [global options] "+synopsis(c))
		description := c.Description
		if description == "" {
			description = strings.ToUpper(c.Usage[:1]) + c.Usage[1:] + "."
		}
		text(&b, "DESCRIPTION", description)
		if len(options(c.Flags)) > 0 {
			optionList(&b, "OPTIONS", c.Flags)
		}
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR berth (8)\n")
		list["berth-"+c.Name+".8"] = bytes.Clone(b.Bytes())
	}
	return list
}

func head(b *bytes.Buffer, name, summary, synopsis string) {
	fmt.Fprintf(b, ".TH %s 8 \"\" berth \"System Administration\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n%s\n",
		strings.ToUpper(roff(name)), roff(name), roff(summary), roff(synopsis))
}

func text(b *bytes.Buffer, title, description string) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, p := range paragraphs(description) {
		if strings.HasPrefix(p, " ") {
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(p))
		} else {
			fmt.Fprintf(b, ".PP\n%s\n", roff(p))
		}
	}
}

func optionList(b *bytes.Buffer, title string, flags []cli.Flag) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, o := range options(flags) {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(o.title()), roff(o.usage))
	}
}

// roff escapes what has a meaning in a man page (groff_man(7)).
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n.", "\n\\&."), "\n'", "\n\\&'")
}
