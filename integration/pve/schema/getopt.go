package schema

import (
	"fmt"
	"io"
	"strings"
)

// ExtraArgs is the positional parameter that takes all remaining arguments.
const ExtraArgs = "extra-args"

// Options is a parsed command line.
type Options struct {
	Values map[string]string
	Extra  []string
}

// ParseOptions parses arguments as PVE's commands do with Getopt::Long: the prefix is -- or -,
// names may be abbreviated, case does not matter, options and positionals can be mixed, and -- ends
// the options. It prints Getopt's complaints to stderr.
func ParseOptions(o Object, positionals, arguments []string, stderr io.Writer) (*Options, error) {
	options := &Options{Values: map[string]string{}}
	rest, clean := getopt(o, arguments, options.Values, stderr)
	if !clean {
		return nil, &BadRequest{Message: "unable to parse option"}
	}
	for _, name := range positionals {
		if name == ExtraArgs {
			options.Extra, rest = rest, nil
			break
		}
		if len(rest) == 0 {
			if !o[name].Optional {
				return nil, &BadRequest{Message: "not enough arguments"}
			}
			continue
		}
		options.Values[name], rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		return nil, &BadRequest{Message: "too many arguments"}
	}
	for name, value := range options.Values {
		if o[name].Type != Boolean {
			continue
		}
		truth, ok := ParseBoolean(value)
		switch {
		case value == "":
			truth = "1"
		case !ok:
			return nil, &BadRequest{Message: "unable to parse boolean option"}
		}
		options.Values[name] = truth
	}
	return options, nil
}

func getopt(o Object, arguments []string, values map[string]string, stderr io.Writer) (rest []string, clean bool) {
	clean = true
	for len(arguments) > 0 {
		word := arguments[0]
		arguments = arguments[1:]
		if word == "--" {
			return append(rest, arguments...), clean
		}
		body, isOption := strings.CutPrefix(word, "-")
		body = strings.TrimPrefix(body, "-")
		if !isOption || body == "" {
			rest = append(rest, word)
			continue
		}
		typed, value, attached := strings.Cut(body, "=")
		name, problem := resolve(o, typed)
		if problem != "" {
			fmt.Fprintln(stderr, problem)
			clean = false
			continue
		}
		p := o[name]
		if !attached {
			switch {
			case p.Type == Boolean:
				// An optional value is taken unless it looks like an option.
				if len(arguments) > 0 && (arguments[0] == "-" || !strings.HasPrefix(arguments[0], "-")) {
					value, arguments = arguments[0], arguments[1:]
				}
			case len(arguments) > 0:
				value, arguments = arguments[0], arguments[1:]
			default:
				attached = true
			}
		}
		if attached && value == "" && p.Type != Boolean {
			fmt.Fprintf(stderr, "Option %s requires an argument\n", typed)
			clean = false
			continue
		}
		if old, again := values[name]; again && strings.HasSuffix(p.Format, "-list") {
			value = old + "," + value
		}
		values[name] = value
	}
	return rest, clean
}

// resolve finds the option that typed names or abbreviates.
func resolve(o Object, typed string) (name, problem string) {
	lower := strings.ToLower(typed)
	var candidates []string
	for _, name := range names(o) {
		folded := strings.ToLower(name)
		if folded == lower {
			return name, ""
		}
		if strings.HasPrefix(folded, lower) {
			candidates = append(candidates, name)
		}
	}
	switch len(candidates) {
	case 0:
		return "", "Unknown option: " + typed
	case 1:
		return candidates[0], ""
	}
	return "", fmt.Sprintf("Option %s is ambiguous (%s)", typed, strings.Join(candidates, ", "))
}
