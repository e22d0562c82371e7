package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// inOrder are the commands whose flags end at the first argument, because what follows may belong
// to another program.
var inOrder = map[string]bool{"exec": true, "kill": true, "pct": true, "ps": true}

// arrange puts the flags of a command before its arguments, because they may stand among these
// (berth update ID --memory 1g). It makes the flags quick (see named), and keeps the words after
// the command's name for a runtime to which the command is handed over.
func arrange(app *cli.App, args []string) []string {
	app.Flags = withNames(app.Flags)
	at := 1
	for at < len(args) && isFlag(args[at]) {
		at += flagWords(app.Flags, args[at:])
	}
	if at >= len(args) {
		return args
	}
	command := app.Command(args[at])
	if command == nil {
		return args
	}
	quick := *command
	quick.Flags = withNames(command.Flags)
	app.Commands[slices.Index(app.Commands, command)] = &quick
	words := args[at+1:]
	if !inOrder[command.Name] {
		words = flagsFirst(command.Flags, words)
	}
	app.Metadata = map[string]any{wordsKey: words, commandKey: command.Name, globalsKey: args[1:at]}
	return append(append([]string{}, args[:at+1]...), words...)
}

const wordsKey, commandKey, globalsKey = "words", "command", "globals"

// globals returns the words before the command's name.
func globals(app *cli.App) []string {
	list, _ := app.Metadata[globalsKey].([]string)
	return list
}

// words returns the words after the command's name.
func words(c *cli.Context) []string {
	list, _ := c.App.Metadata[wordsKey].([]string)
	return list
}

func flagsFirst(flags []cli.Flag, words []string) []string {
	first, rest := split(flags, words)
	return append(first, rest...)
}

// split separates flags, with their values, from arguments.
func split(flags []cli.Flag, words []string) (first, rest []string) {
	for len(words) > 0 {
		if words[0] == "--" {
			rest = append(rest, words...)
			break
		}
		if !isFlag(words[0]) {
			rest = append(rest, words[0])
			words = words[1:]
			continue
		}
		n := min(flagWords(flags, words), len(words))
		first = append(first, words[:n]...)
		words = words[n:]
	}
	return first, rest
}

// isFlag is true for a flag. A lone - is an argument, and so is all that follows --.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' && word != "--" }

// flagWords returns the number of words that a flag takes, its value included.
func flagWords(flags []cli.Flag, words []string) int {
	name, _, valued := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
	if valued {
		return 1
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if n != name {
				continue
			}
			if isBool(f) {
				return 1
			}
			return 2
		}
	}
	return 1
}

func isBool(f cli.Flag) bool {
	if n, ok := f.(*named); ok {
		f = n.documented
	}
	_, is := f.(*cli.BoolFlag)
	return is
}
