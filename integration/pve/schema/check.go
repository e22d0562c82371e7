package schema

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	integerForm = regexp.MustCompile(`^[+-]?\d+$`)
	numberForm  = regexp.MustCompile(`^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$`)
	booleanTrue = regexp.MustCompile(`(?i)^(1|on|yes|true)$`)
	booleanNot  = regexp.MustCompile(`(?i)^(0|off|no|false)$`)
)

// ParseBoolean converts PVE's words for true and false to "1" and "0". ok is false for any other
// word.
func ParseBoolean(s string) (value string, ok bool) {
	switch {
	case booleanTrue.MatchString(s):
		return "1", true
	case booleanNot.MatchString(s):
		return "0", true
	}
	return s, false
}

// Check checks values against o and returns all errors, or nil if there are none.
func Check(o Object, values map[string]string) Errors {
	errors := Errors{}
	checkObject("", o, values, errors)
	if len(errors) == 0 {
		return nil
	}
	return errors
}

func checkObject(path string, o Object, values map[string]string, errors Errors) {
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	for _, name := range names(o) {
		p := o[name]
		value, set := values[name]
		switch {
		case set:
			checkValue(join(name), p, value, errors)
		case !p.Optional:
			errors.add(join(name), "property is missing and it is not optional")
		}
	}
	for _, name := range names(values) {
		p, known := o[name]
		if !known {
			errors.add(join(name), "property is not defined in schema and the schema does not allow additional properties")
			continue
		}
		if _, set := values[p.Requires]; p.Requires != "" && !set {
			errors.add(join(p.Requires), "missing property required by '%s'", join(name))
		}
	}
}

func checkValue(path string, p *Prop, value string, errors Errors) {
	if !rightType(p.Type, value) {
		errors.add(path, "type check ('%s') failed - got '%s'", p.Type, value)
		return
	}
	if err := checkFormat(path, p, value); err != nil {
		errors.add(path, "invalid format - %s", err)
		return
	}
	if p.Pattern != "" && !regexp.MustCompile(p.Pattern).MatchString(value) {
		errors.add(path, "value does not match the regex pattern")
		return
	}
	length := utf8.RuneCountInString(value)
	if p.MaxLength > 0 && length > p.MaxLength {
		errors.add(path, "value may only be %d characters long", p.MaxLength)
		return
	}
	if length < p.MinLength {
		errors.add(path, "value must be at least %d characters long", p.MinLength)
		return
	}
	if numberForm.MatchString(value) {
		number, _ := strconv.ParseFloat(value, 64)
		if p.Max != nil && number > *p.Max {
			errors.add(path, "value must have a maximum value of %s", plain(*p.Max))
			return
		}
		if p.Min != nil && number < *p.Min {
			errors.add(path, "value must have a minimum value of %s", plain(*p.Min))
			return
		}
	}
	if len(p.Enum) > 0 && !contains(p.Enum, value) {
		errors.add(path, "value '%s' does not have a value in the enumeration '%s'", value, strings.Join(p.Enum, ", "))
	}
}

func rightType(kind, value string) bool {
	switch kind {
	case Integer:
		return integerForm.MatchString(value)
	case Number:
		return numberForm.MatchString(value)
	case Boolean:
		return value == "1" || value == "0"
	}
	return true
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func contains(list []string, value string) bool {
	for _, item := range list {
		if item == value {
			return true
		}
	}
	return false
}

func names[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
