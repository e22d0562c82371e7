package schema

import (
	"regexp"
	"strings"
)

var keyed = regexp.MustCompile(`^([^=]+)=(.+)$`)

// ParseProperty parses a property string ("local:8,ro=1") described by o.
func ParseProperty(o Object, text string) (map[string]string, error) {
	return parseProperty(o, text, "")
}

func parseProperty(o Object, text, path string) (map[string]string, error) {
	parts := map[string]string{}
	defaultKey := ""
	for name, p := range o {
		if p.DefaultKey {
			defaultKey = name
		}
	}
	put := func(key, value string) error {
		if _, set := parts[key]; set {
			return wrong("duplicate key in comma-separated list property: %s", key)
		}
		p, known := o[key]
		if !known {
			return wrong("invalid key in comma-separated list property: %s", key)
		}
		if p.Type == Boolean {
			value, _ = ParseBoolean(value)
		}
		parts[key] = value
		return nil
	}
	for _, part := range strings.Split(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		var err error
		switch m := keyed.FindStringSubmatch(part); {
		case m != nil:
			err = put(m[1], m[2])
		case strings.Contains(part, "="):
			err = wrong("missing key in comma-separated list property")
		case defaultKey == "":
			err = wrong("value without key, but schema does not define a default key")
		default:
			err = put(defaultKey, part)
		}
		if err != nil {
			return nil, err
		}
	}
	errors := Errors{}
	checkObject(path, o, parts, errors)
	if len(errors) > 0 {
		return nil, wrong("format error\n%s", strings.TrimSuffix(errors.lines(), "\n"))
	}
	return parts, nil
}

// PrintProperty writes the parts in PVE's order: the default key, the required ones, the rest, each
// sorted.
func PrintProperty(o Object, parts map[string]string, skip ...string) string {
	var words []string
	done := map[string]bool{}
	for _, name := range skip {
		done[name] = true
	}
	add := func(wanted func(*Prop) bool) {
		for _, name := range names(parts) {
			p := o[name]
			if done[name] || p == nil || !wanted(p) {
				continue
			}
			done[name] = true
			value := parts[name]
			if size, ok := ParseSize(value); ok && p.Format == "disk-size" {
				value = FormatSize(size)
			}
			if !p.DefaultKey {
				value = name + "=" + value
			}
			words = append(words, value)
		}
	}
	add(func(p *Prop) bool { return p.DefaultKey })
	add(func(p *Prop) bool { return !p.Optional })
	add(func(*Prop) bool { return true })
	return strings.Join(words, ",")
}
