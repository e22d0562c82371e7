package jail

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// TestUnsupported checks that each field of process, linux and linux.resources is refused, unless
// the list names it as one that has an effect, or that means nothing.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	taken := map[string]string{
		"process": "terminal consoleSize user args commandLine env cwd rlimits noNewPrivileges",
		// Engines write resources and cgroupsPath on FreeBSD, too.
		"linux":                  "resources cgroupsPath",
		"linux.resources":        "devices memory cpu pids blockIO network",
		"linux.resources.memory": "limit checkBeforeUpdate useHierarchy",
		"linux.resources.cpu":    "quota period",
	}
	for path, s := range map[string]struct {
		empty func() (*specs.Spec, reflect.Value)
	}{
		"process": {func() (*specs.Spec, reflect.Value) {
			s := &specs.Spec{Process: &specs.Process{}}
			return s, reflect.ValueOf(s.Process).Elem()
		}},
		"linux": {func() (*specs.Spec, reflect.Value) {
			s := &specs.Spec{Linux: &specs.Linux{}}
			return s, reflect.ValueOf(s.Linux).Elem()
		}},
		"linux.resources": {func() (*specs.Spec, reflect.Value) {
			s := &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}
			return s, reflect.ValueOf(s.Linux.Resources).Elem()
		}},
		"linux.resources.memory": {func() (*specs.Spec, reflect.Value) {
			s := &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{}}}}
			return s, reflect.ValueOf(s.Linux.Resources.Memory).Elem()
		}},
		"linux.resources.cpu": {func() (*specs.Spec, reflect.Value) {
			s := &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{CPU: &specs.LinuxCPU{}}}}
			return s, reflect.ValueOf(s.Linux.Resources.CPU).Elem()
		}},
	} {
		config, object := s.empty()
		if problems := unsupported(config); len(problems) > 0 {
			t.Errorf("an empty %s: %v", path, problems)
		}
		for i := range object.NumField() {
			config, object = s.empty()
			name, _, _ := strings.Cut(object.Type().Field(i).Tag.Get("json"), ",")
			if !fill(object.Field(i)) {
				t.Errorf("%s.%s cannot be filled", path, name)
			}
			problems := unsupported(config)
			refused := len(problems) == 1 && problems[0].Path == path+"."+name && problems[0].Level == spec.Error && problems[0].Message != ""
			takes := false
			for word := range strings.FieldsSeq(taken[path]) {
				takes = takes || word == name
			}
			if takes && len(problems) > 0 || !takes && !refused {
				t.Errorf("%s.%s: %v", path, name, problems)
			}
		}
	}
}

// fill gives a field a value that is not its zero value.
func fill(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if v.Elem().Kind() != reflect.Struct {
			return fill(v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(5)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(5)
	case reflect.Struct:
		return true
	default:
		return false
	}
	return true
}

// TestBlockIO checks that each of its fields is refused.
func TestBlockIO(t *testing.T) {
	t.Parallel()
	kind := reflect.TypeFor[specs.LinuxBlockIO]()
	for i := range kind.NumField() {
		b := &specs.LinuxBlockIO{}
		fill(reflect.ValueOf(b).Elem().Field(i))
		problems := unlimited(&specs.LinuxResources{BlockIO: b})
		if len(problems) != 1 || problems[0].Path != "linux.resources.blockIO" {
			t.Errorf("%s: %v", kind.Field(i).Name, problems)
		}
	}
	var id uint32 = 5
	for _, r := range []*specs.LinuxResources{
		{Network: &specs.LinuxNetwork{ClassID: &id}}, {Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{}}}},
	} {
		if problems := unlimited(r); len(problems) != 1 || problems[0].Path != "linux.resources.network" {
			t.Errorf("%+v: %v", r.Network, problems)
		}
	}
}

// TestChangesOf checks what an update changes. 0 removes a limit, and what is not named stays.
func TestChangesOf(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{}`:                        "[]",
		`{"memory":{"limit":4096}}`: "[{memoryuse 4096}]",
		`{"memory":{"limit":-1}}`:   "[{memoryuse 0}]",
		`{"pids":{"limit":-1}}`:     "[{maxproc 0}]",
		`{"cpu":{"quota":-1}}`:      "[{pcpu 0}]",
		`{"cpu":{"period":100000}}`: "[]",
		`{"memory":{"limit":0}}`:    "[]",
		`{"pids":{"limit":5},"cpu":{"quota":-1},"memory":{"limit":-1}}`: "[{maxproc 5} {memoryuse 0} {pcpu 0}]",
	} {
		r, problems := spec.ParseResources([]byte(config))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		got, problems := changesOf(r)
		if text := fmt.Sprint(got); problems.Err() != nil || text != want {
			t.Errorf("%s: %s, %v, want %s", config, text, problems, want)
		}
	}
}
