package command

import (
	"path/filepath"
	"slices"
)

// fromRunj translates the command line of runj if berth is called by that name. containerd's shim
// for FreeBSD (containerd-shim-runj-v1) looks for runj on PATH. It passes the bundle as an
// argument, and flags after arguments.
func fromRunj(args []string) []string {
	if len(args) == 0 || filepath.Base(args[0]) != "runj" {
		return args
	}
	at := commandAt(globalFlags(), args)
	if at == len(args) {
		return args
	}
	before, command, words := args[:at], args[at], args[at+1:]
	switch {
	case command == "create":
		flags, rest := split(createCommand.Flags, words)
		if len(rest) == 2 {
			flags, rest = append(flags, "--bundle", rest[1]), rest[:1]
		}
		return slices.Concat(before, []string{command}, flags, rest)
	case command == "kill":
		return slices.Concat(before, []string{command}, flagsFirst(killCommand.Flags, words))
	case command == "extension" && len(words) > 0 && words[0] == "exec":
		return slices.Concat(before, words[:1], flagsFirst(execCommand.Flags, words[1:]))
	}
	return args
}
