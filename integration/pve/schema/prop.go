// Package schema checks options as Proxmox VE's PVE::JSONSchema does, with its messages.
package schema

import (
	"fmt"
	"sort"
	"strings"
)

// The types of a property.
const (
	Integer = "integer"
	Number  = "number"
	Boolean = "boolean"
	String  = "string"
	Array   = "array"
)

// Prop describes one property: an option of a command, a key of a configuration, or a part of a
// property string.
type Prop struct {
	Type       string
	Format     string // a key of formats; the suffix "-list" makes it a list
	Sub        Object // the parts of a property string
	Enum       []string
	Min, Max   *float64
	MinLength  int
	MaxLength  int
	Pattern    string // a regular expression, compiled on use because hooks must be fast
	Optional   bool
	DefaultKey bool
	Requires   string
}

// Object is a set of named properties.
type Object map[string]*Prop

// Limit returns a bound for Prop.Min and Prop.Max.
func Limit(v float64) *float64 { return &v }

// Range adds name0 to name<count-1>, all described by p, to o.
func (o Object) Range(name string, count int, p *Prop) {
	for i := range count {
		o[fmt.Sprintf("%s%d", name, i)] = p
	}
}

// With returns a new object with the properties of o and more.
func (o Object) With(more Object) Object {
	sum := make(Object, len(o)+len(more))
	for k, p := range o {
		sum[k] = p
	}
	for k, p := range more {
		sum[k] = p
	}
	return sum
}

// Errors maps properties to error messages.
type Errors map[string]string

func (e Errors) add(path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if old, ok := e[path]; ok {
		// PVE joins them with a backslash and an n because of single quotes in its Perl.
		message = old + `\n` + message
	}
	e[path] = message
}

func (e Errors) lines() string {
	paths := make([]string, 0, len(e))
	for path := range e {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var text strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&text, "%s: %s\n", path, e[path])
	}
	return text.String()
}

// BadRequest is PVE's exception with code 400. The command line handler fills in Usage.
type BadRequest struct {
	Message string
	Errors  Errors
	Usage   string
}

// Invalid returns the exception for invalid parameters.
func Invalid(errors Errors) *BadRequest {
	return &BadRequest{Message: "Parameter verification failed.", Errors: errors}
}

// Error returns the text that pct prints: several lines, ending in a newline.
func (b *BadRequest) Error() string {
	text := "400 " + b.Message + "\n" + b.Errors.lines() + b.Usage
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
