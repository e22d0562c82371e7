package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// maxDecoded is the most memory, in bytes, that the arrays, maps and objects of a document may take
// as Go values. Without it, "[{},{},…]" would grow fortyfold.
const maxDecoded = 32 << 20

// decoder fills Go values from a valid JSON document. It reports all errors, each with its path,
// and leaves a wrong value at its zero value.
type decoder struct {
	cursor
	path   path
	ps     Problems
	budget int
	full   bool
}

func (d *decoder) report(l Level, format string, args ...any) {
	if len(d.ps) > maxProblems {
		return
	}
	p := d.path.String()
	d.ps.add(Problem{Path: p, Level: l, Message: fmt.Sprintf(format, args...), Ref: refOf(p)})
}

// spend takes n bytes from the budget. It returns false once the budget is exhausted.
func (d *decoder) spend(n int) bool {
	if d.budget -= n; d.budget < 0 && !d.full {
		d.full = true
		d.report(Error, "the document has too many values")
	}
	return !d.full
}

// wrong reports that the next value has the wrong type, skips it, and returns false.
func (d *decoder) wrong(want string) bool {
	d.report(Error, "must be %s, not %s", want, kind(d.peek()))
	d.skip()
	return false
}

// value decodes the next value into v and returns false if it could not. null means absent.
func (d *decoder) value(v reflect.Value) bool {
	b := d.peek()
	if b == 'n' {
		d.literal()
		return true
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !d.spend(int(v.Type().Elem().Size())) {
			d.skip()
			return false
		}
		p := reflect.New(v.Type().Elem())
		if !d.value(p.Elem()) {
			return false
		}
		v.Set(p)
	case reflect.Struct:
		if b != '{' {
			return d.wrong("an object")
		}
		d.object(v)
	case reflect.Map:
		if b != '{' {
			return d.wrong("an object")
		}
		d.mapping(v)
	case reflect.Slice:
		if b != '[' {
			return d.wrong("an array")
		}
		d.array(v)
	case reflect.String:
		if b != '"' {
			return d.wrong("a string")
		}
		v.SetString(d.str())
	case reflect.Bool:
		if b != 't' && b != 'f' {
			return d.wrong("a boolean")
		}
		v.SetBool(d.literal()[0] == 't')
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return d.integer(v, b)
	default:
		if err := json.Unmarshal(d.skip(), v.Addr().Interface()); err != nil {
			d.report(Error, "has the wrong type")
			return false
		}
	}
	return true
}

// object decodes the properties of a struct.
func (d *decoder) object(v reflect.Value) {
	o := objectOf(v.Type())
	var seen uint64
	for ok := d.enter(); ok; ok = d.more() {
		name := d.key()
		i, known := o.byName[name]
		switch {
		case d.full:
			d.skip()
			continue
		case !known:
			d.unknown(o, name)
			continue
		}
		d.path = append(d.path, step{name: name})
		if seen&(1<<i) != 0 {
			d.report(Error, "occurs twice in one object")
			d.skip()
		} else {
			d.value(v.FieldByIndex(o.fields[i].index))
		}
		seen |= 1 << i
		d.path = d.path[:len(d.path)-1]
	}
	for i, f := range o.fields {
		if f.required && seen&(1<<i) == 0 && !optional(v, f.name) {
			d.path = append(d.path, step{name: f.name})
			d.report(Warning, "is required but missing")
			d.path = d.path[:len(d.path)-1]
		}
	}
}

// unknown skips a property that is not in the specification and warns of it.
func (d *decoder) unknown(o *object, name string) {
	at := step{name: name}
	if !plain(name) {
		at.kind = mapKey
	}
	d.path = append(d.path, at)
	if like := o.variant(name); like != "" {
		d.report(Warning, "is unknown and ignored: names are case-sensitive, and this is not %q (runc would read it as that)", like)
		if n := len(d.ps) - 1; d.ps[n].Path == d.path.String() {
			d.ps[n].Ignored = true
		}
	} else if len(d.ps) < maxUnknown {
		d.report(Warning, "is not in the specification and is ignored")
	}
	d.path = d.path[:len(d.path)-1]
	d.skip()
}

// maxUnknown is the length of the list up to which unknown properties are reported. They must not
// make a config be refused because the list is too long.
const maxUnknown = 100

// plain reports whether a name has only letters and digits, as all names in the specification do.
func plain(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 80
}

// mapping decodes an object with free keys into a map.
func (d *decoder) mapping(v reflect.Value) {
	t := v.Type()
	m := reflect.MakeMap(t)
	for ok := d.enter(); ok; ok = d.more() {
		k := d.key()
		if !d.spend(len(k) + int(t.Elem().Size()) + 48) {
			d.skip()
			continue
		}
		d.path = append(d.path, step{name: k, kind: mapKey})
		kv, ev := reflect.ValueOf(k), reflect.New(t.Elem()).Elem()
		if m.MapIndex(kv).IsValid() {
			d.report(Error, "occurs twice in one object")
			d.skip()
		} else {
			d.value(ev)
			m.SetMapIndex(kv, ev)
		}
		d.path = d.path[:len(d.path)-1]
	}
	v.Set(m)
}

// array decodes a list. An empty list becomes an empty slice, not nil.
func (d *decoder) array(v reflect.Value) {
	size := int(v.Type().Elem().Size())
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	d.path = append(d.path, step{kind: element})
	for ok := d.enter(); ok; ok = d.more() {
		n := v.Len()
		d.path[len(d.path)-1].index = n
		if !d.spend(size) {
			d.skip()
			continue
		}
		if n == v.Cap() {
			v.Grow(max(4, n))
		}
		v.SetLen(n + 1)
		d.value(v.Index(n))
	}
	d.path = d.path[:len(d.path)-1]
}

// integer decodes a number into an integer of any size.
func (d *decoder) integer(v reflect.Value, b byte) bool {
	if b != '-' && (b < '0' || b > '9') {
		return d.wrong("an integer")
	}
	lit, bits := d.literal(), v.Type().Bits()
	if len(lit) > 40 || bytes.ContainsAny(lit, ".eE") {
		d.report(Error, "must be an integer without fraction or exponent, not %s", lit[:min(len(lit), 40)])
		return false
	}
	var err error
	if v.CanInt() {
		var n int64
		if n, err = strconv.ParseInt(string(lit), 10, bits); err == nil {
			v.SetInt(n)
			return true
		}
		d.report(Error, "must be from %d to %d, not %s", int64(-1)<<(bits-1), int64(1)<<(bits-1)-1, lit)
		return false
	}
	var n uint64
	if n, err = strconv.ParseUint(string(lit), 10, bits); err == nil || errors.Is(err, strconv.ErrSyntax) && string(lit) == "-0" {
		v.SetUint(n)
		return true
	}
	d.report(Error, "must be from 0 to %d, not %s", uint64(1)<<(bits-1)-1+1<<(bits-1), lit)
	return false
}
