package spec

import (
	"fmt"
	"strings"
)

// Level is the severity of a Problem.
type Level int

const (
	// Warning is the level of a problem that create accepts: a SHOULD of the specification that is
	// not followed, a value that will be ignored, or a property that is newer than the config's
	// ociVersion.
	Warning Level = iota
	// Error is the level of a problem for which create refuses the config.
	Error
)

// String returns "warning" or "error".
func (l Level) String() string {
	if l == Error {
		return "error"
	}
	return "warning"
}

// MarshalText encodes a Level in JSON as a word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Problem is one thing wrong with a config.json.
type Problem struct {
	// Path is the JSON path, such as "process.args[2]" or `annotations["org.example"]`. It is empty
	// if the problem concerns the whole document.
	Path string `json:"path"`
	// Level is Error or Warning.
	Level Level `json:"level"`
	// Message says in one line what is wrong and what is allowed.
	Message string `json:"message"`
	// Ref is the section of the specification, such as "config.md#mounts".
	Ref string `json:"ref,omitempty"`
	// Ignored is true for a Warning about a setting that has no effect although the author meant it
	// to have one: a property that other runtimes read as one in the specification, or a value that
	// berth or the kernel ignores. Create logs these as warnings.
	Ignored bool `json:"-"`
}

// String returns the path and the message, in one line.
func (p Problem) String() string {
	if p.Path == "" {
		return "config.json: " + p.Message
	}
	return p.Path + ": " + p.Message
}

// URL returns the address of the section of the specification, or "".
func (p Problem) URL() string {
	if p.Ref == "" {
		return ""
	}
	return "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/" + p.Ref
}

// Problems is a list of problems, in the order of the document or the rules.
type Problems []Problem

// Errors returns the problems of level Error.
func (ps Problems) Errors() Problems { return ps.only(Error) }

// Warnings returns the problems of level Warning.
func (ps Problems) Warnings() Problems { return ps.only(Warning) }

func (ps Problems) only(l Level) Problems {
	var out Problems
	for _, p := range ps {
		if p.Level == l {
			out = append(out, p)
		}
	}
	return out
}

// Err returns an *InvalidError with all problems of level Error, or nil if there are none.
func (ps Problems) Err() error {
	if errs := ps.Errors(); len(errs) > 0 {
		return &InvalidError{Problems: errs}
	}
	return nil
}

// InvalidError reports a config.json that create refuses.
type InvalidError struct {
	// Problems holds at least one problem, all of level Error.
	Problems Problems
}

// Error returns one line with the first problem and the number of further ones.
func (e *InvalidError) Error() string {
	first := "invalid config.json: " + strings.TrimPrefix(e.Problems[0].String(), "config.json: ")
	if n := len(e.Problems) - 1; n > 0 {
		return fmt.Sprintf("%s (and %d more: 'berth validate' lists them)", first, n)
	}
	return first
}

// maxProblems bounds the list of problems that a hostile document can cause.
const maxProblems = 1000

// add appends p. If the list is full, it appends one last entry that says so.
func (ps *Problems) add(p Problem) {
	switch n := len(*ps); {
	case n < maxProblems:
		*ps = append(*ps, p)
	case n == maxProblems:
		*ps = append(*ps, Problem{Level: Error, Message: "there are too many problems: the rest are not listed"})
	}
}

// quote returns s in quotes, escaped to one line and cut to a readable length.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		return fmt.Sprintf("%q…", s[:limit])
	}
	return fmt.Sprintf("%q", s)
}
