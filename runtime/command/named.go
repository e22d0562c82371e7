package command

import "github.com/urfave/cli/v2"

// documented is what every flag of the library is.
type documented interface {
	cli.Flag
	cli.DocGenerationFlag
	cli.RequiredFlag
	cli.VisibleFlag
	cli.CategorizableFlag
}

// named is a flag that knows its names. The library asks each for them many
// times over, and finds them out anew by a regular expression.
type named struct {
	documented
	names []string
}

func (f *named) Names() []string { return f.names }

// withNames is a list of the same flags.
func withNames(flags []cli.Flag) []cli.Flag {
	list := make([]cli.Flag, len(flags))
	for i, f := range flags {
		list[i] = f
		if d, ok := f.(documented); ok {
			list[i] = &named{d, namesOf(f)}
		}
	}
	return list
}

func namesOf(f cli.Flag) []string {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return append([]string{f.Name}, f.Aliases...)
	case *cli.StringFlag:
		return append([]string{f.Name}, f.Aliases...)
	}
	return f.Names()
}
