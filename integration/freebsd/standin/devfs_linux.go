package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

func devfs(h *host.Host, args []string) (string, error) {
	switch {
	case len(args) == 4 && args[0] == "rule" && args[1] == "-s" && args[3] == "show":
		if _, err := strconv.Atoi(args[2]); err != nil {
			return "", fmt.Errorf("number expected: %s", args[2])
		}
		var out strings.Builder
		for _, r := range h.Rulesets[args[2]] {
			out.WriteString(r + "\n")
		}
		return out.String(), nil
	case len(args) > 4 && args[0] == "-m" && args[2] == "rule" && args[3] == "apply":
		if !slices.ContainsFunc(h.Mounts, func(m host.Mount) bool { return m.Kind == "devfs" && m.Target == args[1] }) {
			return "", fmt.Errorf("%s: not a devfs", args[1])
		}
		if err := checkRule(args[4:]); err != nil {
			return "", err
		}
		h.Applied = append(h.Applied, args[1]+" "+strings.Join(args[4:], " "))
		return "", nil
	}
	return "", errors.New("usage: devfs rule | ruleset arguments")
}

// checkRule follows rulespec_intok in sbin/devfs/rule.c.
func checkRule(words []string) error {
	if _, err := strconv.Atoi(words[0]); err == nil {
		words = words[1:]
	}
	for len(words) > 0 && (words[0] == "type" || words[0] == "path") {
		if len(words) == 1 {
			return fmt.Errorf("expecting argument for %s", words[0])
		}
		if words[0] == "type" && !slices.Contains([]string{"disk", "mem", "tape", "tty"}, words[1]) {
			return fmt.Errorf("unknown type: %s", words[1])
		}
		words = words[2:]
	}
	for len(words) > 0 {
		switch words[0] {
		case "hide", "unhide":
			words = words[1:]
		case "user", "group", "mode", "include":
			if len(words) == 1 {
				return fmt.Errorf("expecting argument for %s", words[0])
			}
			if _, err := strconv.ParseUint(words[1], 8, 16); words[0] == "mode" && err != nil {
				return fmt.Errorf("invalid mode: %s", words[1])
			}
			words = words[2:]
		default:
			return fmt.Errorf("unknown argument: %s", words[0])
		}
	}
	return nil
}
