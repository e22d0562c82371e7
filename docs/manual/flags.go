package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// option is a flag as it is shown.
type option struct {
	names  []string // with their dashes
	value  string   // the value's name; "" for a switch
	usage  string
	preset string
}

// options are the flags that are not hidden, but help.
func options(flags []cli.Flag) []option {
	var list []option
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] == "help" || f.Names()[0] == "version" {
			continue
		}
		o := option{usage: d.GetUsage()}
		for _, n := range f.Names() {
			if len(n) == 1 {
				o.names = append(o.names, "-"+n)
			} else {
				o.names = append(o.names, "--"+n)
			}
		}
		if d.TakesValue() {
			o.value = "value"
			// The usage names it in backquotes.
			if _, rest, ok := strings.Cut(o.usage, "`"); ok {
				o.value, _, _ = strings.Cut(rest, "`")
			}
			o.preset = d.GetDefaultText()
		}
		o.usage = strings.ReplaceAll(o.usage, "`", "")
		list = append(list, o)
	}
	return list
}

// words are all that can follow the command's name: its flags.
func (o option) words() []string { return o.names }

// title is "--bundle DIR, -b DIR".
func (o option) title() string {
	names := make([]string, len(o.names))
	for i, n := range o.names {
		names[i] = n
		if o.value != "" {
			names[i] += " " + o.value
		}
	}
	return strings.Join(names, ", ")
}

// paragraphs are a description's, each in one line; indented ones are kept.
func paragraphs(text string) []string {
	var list []string
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, " ") {
			list = append(list, p)
		} else {
			list = append(list, strings.Join(strings.Fields(p), " "))
		}
	}
	return list
}
