package config

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines maps the path of each setting to its line. The elements of arrays count from 1 in a
// path: rule[2].backend.
type keyLines map[string]int

// index finds the settings of a document. It leaves it to the decoder to report invalid TOML.
func index(data []byte) (keyLines, error) {
	lines := keyLines{}
	p := &unstable.Parser{}
	p.Reset(data)
	table, rules := "", 0
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			name, line := lines.name(p, e, data)
			if e.Kind == unstable.Table && name == "rule" {
				return lines, &Error{Line: line, Key: name, Message: "rules are a list: write [[rule]]"}
			}
			if name == "rule" {
				rules++
			}
			// [rule.annotations] belongs to the rule above it.
			if rest, ok := strings.CutPrefix(name, "rule"); ok && (rest == "" || rest[0] == '.') {
				name = fmt.Sprintf("rule[%d]%s", rules, rest)
			}
			table = name
			lines[name] = line
		case unstable.KeyValue:
			lines.add(p, e, data, table)
		}
	}
	return lines, nil
}

// add records the line of a key, and of the keys in its value if that is a table or an array of
// tables.
func (l keyLines) add(p *unstable.Parser, e *unstable.Node, data []byte, table string) {
	name, line := l.name(p, e, data)
	path := join(table, name)
	l[path] = line
	switch value := e.Value(); value.Kind {
	case unstable.InlineTable:
		l.children(p, value, data, path)
	case unstable.Array:
		n := 0
		for it := value.Children(); it.Next(); {
			n++
			element := fmt.Sprintf("%s[%d]", path, n)
			l[element] = line
			if it.Node().Kind == unstable.InlineTable {
				l.children(p, it.Node(), data, element)
			}
		}
	}
}

func (l keyLines) children(p *unstable.Parser, table *unstable.Node, data []byte, path string) {
	for it := table.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			l.add(p, it.Node(), data, path)
		}
	}
}

// name returns the dotted key of an expression, and its line.
func (keyLines) name(p *unstable.Parser, e *unstable.Node, data []byte) (string, int) {
	var parts []string
	line := 0
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = 1 + bytes.Count(data[:it.Node().Raw.Offset], []byte{'\n'})
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), line
}

func join(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// line returns the line of a key, or of the nearest table around it, or 1 if there is none.
func (l keyLines) line(key string) int {
	for key != "" {
		if n, ok := l[key]; ok {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 1
}

// key returns the path of the setting on a line. parts is the decoder's name for it, without array
// indexes.
func (l keyLines) key(line int, parts []string) string {
	plain := strings.Join(parts, ".")
	for path, n := range l {
		if n == line && bare(path) == plain {
			return path
		}
	}
	return plain
}

// bare returns a path without array indexes.
func bare(path string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(path, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, path, _ = strings.Cut(after, "]")
	}
}
