package cgroup

import (
	"strings"
	"testing"
)

func TestProperties(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ name, value, want string }{
		"number":           {"KillSignal", "5", "KillSignal=5"},
		"typed":            {"TimeoutStopUSec", "uint64 7000000", "TimeoutStopUSec=@t 7000000"},
		"text":             {"Description", "'a container'", `Description="a container"`},
		"list":             {"Before", "['a.service', 'b.service']", `Before=["a.service", "b.service"]`},
		"seconds":          {"TimeoutStopSec", "7", "TimeoutStopUSec=@t 7000000"},
		"half a second":    {"TimeoutStopSec", "0.5", "TimeoutStopUSec=@t 500000"},
		"typed seconds":    {"TimeoutStopSec", "uint16 2", "TimeoutStopUSec=@t 2000000"},
		"no seconds":       {"USec", "7", "USec=7"},
		"seconds of none":  {"Sec", "7", "Sec=7"},
		"words as seconds": {"TimeoutStopSec", "'soon'", "not a number of seconds"},
		"not a name":       {"Kill-Signal", "5", "not a valid name"},
		"short":            {"K", "5", "not a valid name"},
		"empty":            {"", "5", "not a valid name"},
		"not a value":      {"KillSignal", "[5", "not a value"},
		"no value":         {"KillSignal", "", "not a value"},
	} {
		key := propertyPrefix + c.name
		list, err := properties(map[string]string{key: c.value, "other": "x"})
		if err != nil {
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `annotations["`+key+`"]`) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
			continue
		}
		if len(list) != 1 || list[0].Name+"="+list[0].Value.String() != c.want {
			t.Errorf("%s: %v, want %s", name, list, c.want)
		}
	}
}
