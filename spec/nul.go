package spec

import (
	"reflect"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// nul reports strings with a NUL byte, because the kernel would cut them off there. It skips free
// text that never reaches the kernel.
func (c *checker) nul(s *specs.Spec) {
	for _, part := range []struct {
		name  string
		value any
	}{
		{"root", s.Root}, {"process", s.Process}, {"hostname", s.Hostname}, {"domainname", s.Domainname},
		{"mounts", s.Mounts}, {"hooks", s.Hooks}, {"linux", s.Linux}, {"freebsd", s.FreeBSD},
	} {
		c.walkNUL(path{{name: part.name}}, reflect.ValueOf(part.value))
	}
}

func (c *checker) walkNUL(p path, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if strings.IndexByte(v.String(), 0) >= 0 {
			if at := p.String(); at != "linux.seccomp.listenerMetadata" {
				c.errorf(at, "must not contain a NUL byte: %s", quote(v.String()))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			c.walkNUL(p, v.Elem())
		}
	case reflect.Slice:
		if !hasStrings(v.Type().Elem()) || cleanStrings(v) {
			return
		}
		p = append(p, step{kind: element})
		for i := range v.Len() {
			p[len(p)-1].index = i
			c.walkNUL(p, v.Index(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			k := append(p, step{name: it.Key().String(), kind: mapKey})
			if strings.IndexByte(it.Key().String(), 0) >= 0 {
				c.errorf(k.String(), "the key must not contain a NUL byte")
			}
			c.walkNUL(k, it.Value())
		}
	case reflect.Struct:
		for _, f := range objectOf(v.Type()).fields {
			c.walkNUL(append(p, step{name: f.name}), v.FieldByIndex(f.index))
		}
	}
}

// cleanStrings reports whether v is a []string without NUL bytes. It avoids walking the long lists
// of arguments and system calls.
func cleanStrings(v reflect.Value) bool {
	list, ok := v.Interface().([]string)
	return ok && !slices.ContainsFunc(list, func(s string) bool { return strings.IndexByte(s, 0) >= 0 })
}

// hasStrings reports whether values of type t can hold strings. It avoids walking lists of numbers.
func hasStrings(t reflect.Type) bool { return t.Kind() > reflect.Float64 }
