package spec

import (
	"strconv"
	"strings"
)

// step is one part of a JSON path: a property, a map key, or an index.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind byte

const (
	property stepKind = iota
	mapKey
	element
)

// path is the decoder's position in the document. It is formatted only if a problem needs it.
type path []step

// String returns the path as "linux.namespaces[1].path" or `annotations["k"]`.
func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		switch s.kind {
		case property:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		case mapKey:
			b.WriteString(key(s.name))
		case element:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// key returns the path part for a map key.
func key(k string) string { return "[" + quote(k) + "]" }
