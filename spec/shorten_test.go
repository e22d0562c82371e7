package spec

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100000)
	for text, want := range map[string]string{
		"root.path: /short: no such file":    "root.path: /short: no such file",
		"root.path: " + long + ": not found": "root.path: " + long[:256] + "… (200000 bytes): not found",
		`"` + long + `" is no path`:          `"` + long[:254] + "… (200002 bytes) is no path",
		long:                                 long[:256] + "… (200000 bytes)",
	} {
		if got := Shorten(text); got != want {
			t.Errorf("%.300s: got %.600q", text, got)
		}
	}
	if got := Shorten(strings.Repeat("ab é ", 100000) + "end"); len(got) > longestText+100 || !strings.HasSuffix(got, "end") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-10:])
	}
}

// No problem repeats a value at full length, whichever field holds it.
func TestLongValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("A", 200000)
	full := reflect.New(reflect.TypeFor[specs.Spec]()).Elem()
	fill(full)
	fields := 0
	eachString(full, "", func(path string, set func(string)) {
		fields++
		set(long)
		for _, platform := range []string{Linux, FreeBSD} {
			for _, p := range Check(full.Addr().Interface().(*specs.Spec), platform) {
				if text := p.String(); len(text) > 2048 {
					t.Errorf("%s: a message of %d bytes: %.300s", path, len(text), text)
				}
			}
		}
		set("a")
	})
	if fields < 130 {
		t.Errorf("%d fields only", fields)
	}
}

// fill gives every list and map one member, and every string a letter.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// eachString calls f for every string in a value that fill has filled, including map keys.
func eachString(v reflect.Value, path string, f func(path string, set func(string))) {
	switch v.Kind() {
	case reflect.String:
		f(path, v.SetString)
	case reflect.Pointer:
		eachString(v.Elem(), path, f)
	case reflect.Slice:
		eachString(v.Index(0), path+"[]", f)
	case reflect.Map:
		key := v.MapKeys()[0]
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		eachString(value, path+"{}", func(path string, set func(string)) {
			f(path, func(s string) { set(s); v.SetMapIndex(key, value) })
		})
		f(path+"{key}", func(s string) {
			v.Clear()
			v.SetMapIndex(reflect.ValueOf(s).Convert(v.Type().Key()), value)
		})
	case reflect.Struct:
		for i := range v.NumField() {
			eachString(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	}
}
