package cgroup

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/berth-oci/berth/spec"
)

// propertyPrefix is the prefix of annotations that set properties of a container's systemd scope.
// Their values are in GVariant's text format (runc's docs/systemd.md#auxiliary-properties).
const propertyPrefix = "org.systemd.property."

// properties returns the properties that the annotations set. A time in seconds becomes systemd's
// property in microseconds, as in runc and crun: TimeoutStopSec becomes TimeoutStopUSec.
func properties(annotations map[string]string) ([]systemd.Property, error) {
	var list []systemd.Property
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(key, propertyPrefix)
		if !ok {
			continue
		}
		at := fmt.Sprintf("annotations[%q]", key)
		if len(name) < 3 || strings.ContainsFunc(name, notLetter) {
			return nil, spec.Fieldf(at, "%q is not a valid name of a systemd property: it must consist of at least three letters", name)
		}
		value, err := dbus.ParseVariant(annotations[key], dbus.Signature{})
		if err != nil {
			return nil, spec.Fieldf(at, "%q is not a value in the GVariant text format, such as 5, 'text' or uint64 7: %w", annotations[key], err)
		}
		if begin, ok := strings.CutSuffix(name, "Sec"); ok && begin != "" && begin[len(begin)-1] >= 'a' {
			name = begin + "USec"
			if value, err = microseconds(value); err != nil {
				return nil, &spec.FieldError{Path: at, Err: err}
			}
		}
		list = append(list, systemd.Property{Name: name, Value: value})
	}
	return list, nil
}

func notLetter(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }

func microseconds(seconds dbus.Variant) (dbus.Variant, error) {
	const factor = uint64(time.Second / time.Microsecond)
	switch v := reflect.ValueOf(seconds.Value()); {
	case v.CanInt():
		return dbus.MakeVariant(uint64(v.Int()) * factor), nil
	case v.CanUint():
		return dbus.MakeVariant(v.Uint() * factor), nil
	case v.CanFloat():
		return dbus.MakeVariant(uint64(v.Float() * float64(factor))), nil
	default:
		return seconds, fmt.Errorf("%s is not a number of seconds", seconds)
	}
}
