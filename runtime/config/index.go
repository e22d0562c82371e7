package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// index has the lines of a document's settings and tables.
type index struct {
	// lines maps the path of a setting or table to its line. Rules count from 1 in a path:
	// rule[2].backend.
	lines map[string]int
	// rules are the lines at which rules begin.
	rules []int
}

// newIndex reads a document that is valid TOML. A decoder that knows no setting reports all of them
// with their lines, but none in a table that it does not know either.
func newIndex(data []byte) *index {
	x := &index{lines: map[string]int{}}
	type none struct{}
	for _, tables := range []any{
		&none{},
		&struct {
			LXC, Pct, Crun, Runc none
			Rule                 []none
		}{},
		&struct {
			Pct  struct{ Network none }
			Rule []struct{ Annotations none }
		}{},
	} {
		x.add(unknown(data, tables))
	}
	return x
}

// unknown returns the settings and tables that have no field in a structure.
func unknown(data []byte, structure any) []toml.DecodeError {
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var missing *toml.StrictMissingError
	if errors.As(d.Decode(structure), &missing) {
		return missing.Errors
	}
	return nil
}

func (x *index) add(found []toml.DecodeError) {
	for i := range found {
		line, _ := found[i].Position()
		if name := strings.Join(found[i].Key(), "."); name == "rule" {
			x.rules = append(x.rules, line)
			x.lines[name] = x.rules[0]
		}
		x.lines[x.key(&found[i])] = line
	}
}

// key returns the path of the setting that an error is about.
func (x *index) key(e *toml.DecodeError) string {
	name := strings.Join(e.Key(), ".")
	rest, ok := strings.CutPrefix(name, "rule")
	if !ok || rest != "" && rest[0] != '.' {
		return name
	}
	line, _ := e.Position()
	n := 0
	for n < len(x.rules) && x.rules[n] <= line {
		n++
	}
	return fmt.Sprintf("rule[%d]%s", n, rest)
}

// line returns the line of a key, or of the nearest table around it, or 1 if there is none.
func (x *index) line(key string) int {
	for key != "" {
		if n, ok := x.lines[key]; ok {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 1
}
