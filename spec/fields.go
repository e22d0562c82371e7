package spec

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// field is a property of an object, from the json tag of a struct field.
type field struct {
	name     string
	index    []int
	required bool
}

// object describes the properties of a struct type for the decoder.
type object struct {
	fields []field
	byName map[string]int
}

var objects sync.Map // reflect.Type → *object

// objectOf returns the properties of a struct type, including those of embedded structs. A number
// or boolean whose tag lacks omitempty is REQUIRED in the specification. For strings, Check refuses
// the empty ones.
func objectOf(t reflect.Type) *object {
	if o, ok := objects.Load(t); ok {
		return o.(*object)
	}
	o := &object{byName: map[string]int{}}
	o.collect(t, nil)
	objects.Store(t, o)
	return o
}

// collect adds the properties of t, which is embedded at index.
func (o *object) collect(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		if f.Anonymous {
			o.collect(f.Type, at)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		scalar := f.Type.Kind() >= reflect.Bool && f.Type.Kind() <= reflect.Uint64
		o.byName[name] = len(o.fields)
		o.fields = append(o.fields, field{name: name, index: at, required: scalar && options != "omitempty"})
	}
}

// variant returns the property that differs from name only in case, or "".
func (o *object) variant(name string) string {
	for _, f := range o.fields {
		if strings.EqualFold(f.name, name) {
			return f.name
		}
	}
	return ""
}
