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
// (berth update ID --memory 1g). It makes the flags quick (see named).
func arrange(app *cli.App, args []string) []string {
	app.Flags = withNames(app.Flags)
	at := commandAt(app.Flags, args)
	if at == len(args) {
		return args
	}
	command := app.Command(args[at])
	if command == nil {
		return args
	}
	quick := *command
	quick.Flags = withNames(command.Flags)
	app.Commands[slices.Index(app.Commands, command)] = &quick
	if inOrder[command.Name] {
		return args
	}
	return slices.Concat(args[:at+1], flagsFirst(command.Flags, args[at+1:]))
}

// commandAt returns the index of the command's name, or the length of args if there is none. flags
// are those of all commands.
func commandAt(flags []cli.Flag, args []string) int {
	at := min(1, len(args))
	for at < len(args) && isFlag(args[at]) {
		at += flagWords(flags, args[at:])
	}
	return at
}

// words returns the words after the command's name.
func words(c *cli.Context) []string { return c.Lineage()[1].Args().Tail() }

func flagsFirst(flags []cli.Flag, words []string) []string {
	first, rest := split(flags, words)
	return append(first, rest...)
}

// split separates flags, with their values, from arguments.
func split(flags []cli.Flag, words []string) (first, rest []string) {
	for len(words) > 0 && words[0] != "--" {
		if !isFlag(words[0]) {
			rest = append(rest, words[0])
			words = words[1:]
			continue
		}
		n := flagWords(flags, words)
		first = append(first, words[:n]...)
		words = words[n:]
	}
	return first, append(rest, words...)
}

// isFlag is true for a flag. A lone - is an argument, and so is all that follows --.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' && word != "--" }

// flagWords returns the number of words that a flag takes, its value included.
func flagWords(flags []cli.Flag, words []string) int {
	name, _, valued := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
	for _, f := range flags {
		if !valued && slices.Contains(f.Names(), name) && f.(cli.DocGenerationFlag).TakesValue() {
			return min(2, len(words))
		}
	}
	return 1
}
