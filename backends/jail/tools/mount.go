package tools

import "strings"

// Mount mounts a file system. options are options of mount(8) and of the file system.
func Mount(kind string, options []string, source, target string) Command {
	c := Command{"mount", "-t", kind}
	if len(options) > 0 {
		c = append(c, "-o", strings.Join(options, ","))
	}
	return append(c, source, target)
}

// Unmount unmounts the file system that was last mounted at target, even if it is in use. umount(8)
// first looks target up in the mount table and unmounts by the file system's id, so it does not
// matter where the path leads by now.
func Unmount(target string) Command { return Command{"umount", "-f", target} }

// ApplyRule applies a rule to one devfs mount.
func ApplyRule(target string, rule ...string) Command {
	return append(Command{"devfs", "-m", target, "rule", "apply"}, rule...)
}

// ShowRules prints a devfs ruleset, one rule per line.
func ShowRules(ruleset string) Command { return Command{"devfs", "rule", "-s", ruleset, "show"} }
