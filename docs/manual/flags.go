package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// option is a flag as the manual shows it.
type option struct {
	names  []string // with their dashes
	value  string   // the value's name; "" for a switch
	usage  string
	preset string
}

// options returns the flags that are not hidden, without help and version.
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
			// The usage names the value in backquotes.
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

// words returns the words by which the flag can be given.
func (o option) words() []string { return o.names }

// title returns the flag's names with its value, such as "--bundle DIR, -b DIR".
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

// paragraphs returns the paragraphs of a description, each in one line. Indented ones stay as they
// are.
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
