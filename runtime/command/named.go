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

// withNames is a list of the same flags. Those with several values stay as they
// are: the library must see of which type they are to leave commas in them alone.
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
