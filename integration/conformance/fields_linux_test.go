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

// otherPlatforms are fields that do not apply to Linux.
var otherPlatforms = []string{"solaris", "windows", "vm", "zos", "freebsd", "process.commandLine", "process.user.username"}

// specFields returns the JSON paths of all fields that hold a value, such as linux.devices[].path.
// A {} in a path stands for any key of a map.
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

// values returns the leaves of a config.json and how often each occurs. A leaf is "path = value",
// with a path in the form of specFields. Keys of maps count as leaves, too.
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

// touched returns the fields in which a trial's config differs from the usual one. It does not
// count fields that only make the probe look at something.
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

// isLook is true if a trial has a field only for the probe: the probe's arguments, and the cgroup
// mount in which it reads limits.
func isLook(trial, path string) bool {
	return path == "process.args[]" && !strings.HasPrefix(trial, "process.args") ||
		strings.HasPrefix(path, "mounts[]") && strings.HasPrefix(trial, "linux.resources.")
}
