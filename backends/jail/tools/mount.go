package tools

import "strings"

// Mount mounts a file system; options are those of mount(8) and the file
// system's own.
func Mount(kind string, options []string, source, target string) Command {
	c := Command{"mount", "-t", kind}
	if len(options) > 0 {
		c = append(c, "-o", strings.Join(options, ","))
	}
	return append(c, source, target)
}

// Unmount unmounts the file system that was last mounted at target, in use or
// not. umount(8) looks target up in the table of mounts first, and unmounts by
// the file system's id: what the path leads to by now does not matter.
func Unmount(target string) Command { return Command{"umount", "-f", target} }

// ApplyRule applies a rule to one mount of devfs.
func ApplyRule(target string, rule ...string) Command {
	return append(Command{"devfs", "-m", target, "rule", "apply"}, rule...)
}

// ShowRules prints a ruleset of devfs, one rule a line.
func ShowRules(ruleset string) Command { return Command{"devfs", "rule", "-s", ruleset, "show"} }
