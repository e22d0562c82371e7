package command

import "github.com/urfave/cli/v2"

// documented is the interface of every flag in the library.
type documented interface {
	cli.Flag
	cli.DocGenerationFlag
	cli.RequiredFlag
	cli.VisibleFlag
	cli.CategorizableFlag
}

// named is a flag that stores its names. The library asks a flag for its names many times, and each
// time finds them out with a regular expression.
type named struct {
	documented
	names []string
}

func (f *named) Names() []string { return f.names }

// withNames returns the same flags with stored names. Flags with several values stay as they are:
// the library must see their type to leave commas in them alone.
func withNames(flags []cli.Flag) []cli.Flag {
	list := make([]cli.Flag, len(flags))
	for i, f := range flags {
		switch f.(type) {
		case *cli.BoolFlag, *cli.StringFlag:
			list[i] = &named{f.(documented), f.Names()}
		default:
			list[i] = f
		}
	}
	return list
}
