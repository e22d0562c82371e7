//go:build linux && integration

package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// otherPlatforms are fields that Linux has nothing to do with.
var otherPlatforms = []string{"solaris", "windows", "vm", "zos", "freebsd", "process.commandLine", "process.user.username"}

// specFields are the JSON paths of all fields that hold a value, as in
// linux.devices[].path; those of a map end in {}.
func specFields() (list []string) {
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		switch t.Kind() {
		case reflect.Pointer:
			walk(t.Elem(), path)
		case reflect.Slice:
			walk(t.Elem(), path+"[]")
		case reflect.Map:
			walk(t.Elem(), path+"{}")
		case reflect.Struct:
			for i := range t.NumField() {
				f := t.Field(i)
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				switch {
				case f.Anonymous && name == "":
					walk(f.Type, path)
				case path == "":
					walk(f.Type, name)
				default:
					walk(f.Type, path+"."+name)
				}
			}
		default:
			list = append(list, path)
		}
	}
	walk(reflect.TypeFor[specs.Spec](), "")
	return slices.DeleteFunc(list, func(path string) bool {
		return slices.ContainsFunc(otherPlatforms, func(other string) bool { return path == other || strings.HasPrefix(path, other+".") })
	})
}

// values are the leaves of a config.json as "path = value", with paths as
// specFields has them.
func values(config []byte, fields []string) map[string]int {
	var tree any
	_ = json.Unmarshal(config, &tree)
	found := map[string]int{}
	var walk func(v any, path string)
	walk = func(v any, path string) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e, path+"[]")
			}
		case map[string]any:
			isMap := slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, path+"{}") })
			for _, name := range slices.Sorted(maps.Keys(v)) {
				switch {
				case isMap:
					found[path+"{} = "+name]++
					walk(v[name], path+"{}")
				case path == "":
					walk(v[name], name)
				default:
					walk(v[name], path+"."+name)
				}
			}
		default:
			found[fmt.Sprintf("%s = %v", path, v)]++
		}
	}
	walk(tree, "")
	return found
}

// touched are the fields in which a trial's config differs from the usual; what
// it makes the probe look at is not counted.
func touched(name string, config, usual []byte, fields []string) (list []string) {
	a, b := values(config, fields), values(usual, fields)
	for _, side := range []map[string]int{a, b} {
		for value := range side {
			if path, _, _ := strings.Cut(value, " = "); a[value] != b[value] && slices.Contains(fields, path) && !slices.Contains(list, path) && !isLook(name, path) {
				list = append(list, path)
			}
		}
	}
	return list
}

// isLook tells whether a field is there for the probe alone: its arguments, and the
// cgroup in which it reads limits.
func isLook(trial, path string) bool {
	return path == "process.args[]" && !strings.HasPrefix(trial, "process.args") ||
		strings.HasPrefix(path, "mounts[]") && strings.HasPrefix(trial, "linux.resources.")
}
