package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// MaxSize is the size of the largest config.json that is read, in bytes. Its largest part is the
// process's arguments and environment, which the kernel limits to 6 MiB.
const MaxSize = 16 << 20

// Parse decodes a config.json. It returns everything that it could decode, and all errors of
// syntax, type and range. The Spec is nil if the document is not a JSON object.
func Parse(data []byte) (*specs.Spec, Problems) {
	s := new(specs.Spec)
	if ps, ok := decode(data, "", s); !ok {
		return nil, ps
	} else {
		return s, ps
	}
}

// ParseProcess decodes a process object on its own, such as the argument of exec. Paths begin with
// "process".
func ParseProcess(data []byte) (*specs.Process, Problems) {
	p := new(specs.Process)
	if ps, ok := decode(data, "process", p); !ok {
		return nil, ps
	} else {
		return p, ps
	}
}

// ParseResources decodes a linux.resources object on its own, such as the argument of update. Paths
// begin with "linux.resources".
func ParseResources(data []byte) (*specs.LinuxResources, Problems) {
	r := new(specs.LinuxResources)
	if ps, ok := decode(data, "linux.resources", r); !ok {
		return nil, ps
	} else {
		return r, ps
	}
}

// decode fills the struct that into points to. prefix is the JSON path of the document. decode
// returns false if the document is not a JSON object.
func decode(data []byte, prefix string, into any) (Problems, bool) {
	if msg := malformed(data); msg != "" {
		return Problems{{Path: prefix, Level: Error, Message: msg, Ref: refOf(prefix)}}, false
	}
	d := decoder{cursor: cursor{data: data}, budget: maxDecoded}
	if prefix != "" {
		d.path = append(d.path, step{name: prefix})
	}
	if b := d.peek(); b != '{' {
		if b == 'n' {
			d.report(Error, "config cannot be null")
		} else {
			d.wrong("an object")
		}
		return d.ps, false
	}
	d.value(reflect.ValueOf(into).Elem())
	return d.ps, true
}

// malformed returns the reason why data is not a JSON document, or "".
func malformed(data []byte) string {
	switch {
	case len(data) > MaxSize:
		return fmt.Sprintf("is larger than %d MiB", MaxSize>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return "is empty"
	case !utf8.Valid(data):
		return "is not UTF-8"
	case json.Valid(data):
		return ""
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Sprintf("is not JSON: %v", err)
	}
	before := data[:max(0, min(int(syntax.Offset)-1, len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("is not JSON: line %d, column %d: %v", line, column, syntax)
}

// optional reports whether a property may be absent although its tag lacks omitempty. The
// specification requires some properties only in part: a FIFO has no device number.
func optional(v reflect.Value, name string) bool {
	dev, ok := v.Addr().Interface().(*specs.LinuxDevice)
	return ok && dev.Type == "p" && (name == "major" || name == "minor")
}
