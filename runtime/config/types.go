package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// words has what a value is called, in Go and in TOML.
var words = map[reflect.Kind]string{
	reflect.String: "a string", reflect.Bool: "a boolean", reflect.Slice: "a list",
	reflect.Int: "an integer", reflect.Int64: "an integer", reflect.Float64: "a number",
	reflect.Struct: "a table", reflect.Map: "a table",
}

// checkTypes calls fail for each value of a document that a setting of type t cannot have. The
// decoder's own errors name Go's types.
func checkTypes(t reflect.Type, value any, key string, fail func(key, format string, args ...any)) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	want, is := words[t.Kind()], "a date or time"
	if _, date := value.(fmt.Stringer); !date {
		is = words[reflect.TypeOf(value).Kind()]
	}
	if is != want && (want != "a number" || is != "an integer") {
		fail(key, "must be %s, not %s", want, is)
		return
	}
	switch v := value.(type) {
	case []any:
		for i, element := range v {
			checkTypes(t.Elem(), element, fmt.Sprintf("%s[%d]", key, i+1), fail)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if element := elementType(t, name); element != nil {
				checkTypes(element, v[name], strings.TrimPrefix(key+"."+name, "."), fail)
			}
		}
	}
}

// elementType returns the type of a setting in a table, or nil if there is no such setting.
func elementType(table reflect.Type, name string) reflect.Type {
	if table.Kind() == reflect.Map {
		return table.Elem()
	}
	for _, f := range reflect.VisibleFields(table) {
		if tag, _, _ := strings.Cut(f.Tag.Get("toml"), ","); strings.EqualFold(tag, name) {
			return f.Type
		}
	}
	return nil
}
