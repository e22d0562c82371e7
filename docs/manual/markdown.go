package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// markdownOf returns the content of docs/cli.md.
func markdownOf(a *cli.App) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The command line\n\n<!-- made by go run ./docs/manual: edit the commands in runtime/command -->\n\n")
	fmt.Fprintf(&b, "    berth [global options] command [options] [arguments]\n\n")
	summary, description, _ := strings.Cut(a.Usage, "\n")
	fmt.Fprintf(&b, "%s %s.\n\n", a.Name, summary)
	writeParagraphs(&b, description)
	b.WriteString("berth exits with status 1 if it fails, and with 3 for an unknown command. `run` and `exec` exit with the status of the\n" +
		"process, and `exec` exits with 255 if it cannot start the process.\n\n## Global options\n\n")
	writeOptions(&b, a.Flags)
	b.WriteString("## Commands\n\n| command | what it does |\n|---|---|\n")
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "| [%s](#berth-%s) | %s |\n", c.Name, c.Name, c.Usage)
	}
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "\n### berth %s\n\n    berth %s\n\n", c.Name, synopsis(c))
		if c.Description == "" {
			fmt.Fprintf(&b, "%s.\n", strings.ToUpper(c.Usage[:1])+c.Usage[1:])
		} else {
			writeParagraphs(&b, c.Description)
			b.Truncate(b.Len() - 1)
		}
		if list := options(c.Flags); len(list) > 0 {
			b.WriteString("\n")
			writeOptions(&b, c.Flags)
			b.Truncate(b.Len() - 1)
		}
	}
	return b.Bytes()
}

func synopsis(c *cli.Command) string {
	s := c.Name
	if len(options(c.Flags)) > 0 {
		s += " [options]"
	}
	if c.ArgsUsage != "" {
		s += " " + c.ArgsUsage
	}
	return s
}

func writeParagraphs(b *bytes.Buffer, text string) {
	for _, p := range paragraphs(text) {
		if strings.HasPrefix(p, " ") {
			p = " " + strings.ReplaceAll(p, "\n", "\n ") // four spaces make a code block
		}
		fmt.Fprintf(b, "%s\n\n", p)
	}
}

func writeOptions(b *bytes.Buffer, flags []cli.Flag) {
	b.WriteString("| option | |\n|---|---|\n")
	for _, o := range options(flags) {
		text := o.usage
		if o.preset != "" && o.preset != `""` && o.preset != "0" {
			text += " (default: " + strings.Trim(o.preset, `"`) + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", o.title(), strings.ReplaceAll(text, "|", `\|`))
	}
	b.WriteString("\n")
}
