package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// inOrder are the commands whose flags end with the first argument: what
// follows is another program's.
var inOrder = map[string]bool{"exec": true, "kill": true, "pct": true, "ps": true}

// arrange puts the flags of a command before its arguments, for they may be
// among them (berth update ID --memory 1g), makes them quick, and keeps the words behind the
// command's name for a runtime that the command is handed over to.
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

// globals are the words before the command's name.
func globals(app *cli.App) []string {
	list, _ := app.Metadata[globalsKey].([]string)
	return list
}

// words are those behind the command's name.
func words(c *cli.Context) []string {
	list, _ := c.App.Metadata[wordsKey].([]string)
	return list
}

func flagsFirst(flags []cli.Flag, words []string) []string {
	first, rest := split(flags, words)
	return append(first, rest...)
}

// split parts flags, with their values, from arguments.
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

// isFlag: a lone - is an argument, as is all that follows --.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' && word != "--" }

// flagWords is the number of words that a flag takes up, its value included.
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
