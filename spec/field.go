package spec

import (
	"errors"
	"fmt"
)

// FieldError says that a field of config.json cannot be honoured, and why.
type FieldError struct {
	// Path is the JSON path, as in [Problem].
	Path string
	// Value is what the field names, where that helps to find it: a path; "" else.
	Value string
	Err   error
}

// Error returns the path, the value in parentheses, and the reason.
func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Path + ": " + e.Err.Error()
	}
	return e.Path + " (" + e.Value + "): " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// Fieldf returns a [FieldError] without a value. The format and its arguments are those of
// [fmt.Errorf].
func Fieldf(path, format string, args ...any) error {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}

// ProblemOf is an error as a [Problem] of the given level: with the JSON path, if there is
// a [FieldError] in it.
func ProblemOf(err error, l Level) Problem {
	var f *FieldError
	if !errors.As(err, &f) {
		return Problem{Level: l, Message: err.Error()}
	}
	p := Problem{Path: f.Path, Level: l, Message: err.Error()}
	if err == error(f) { // nothing is around it
		if p.Message = f.Err.Error(); f.Value != "" {
			p.Message = f.Value + ": " + p.Message
		}
	}
	return p
}
