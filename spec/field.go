package spec

import (
	"errors"
	"fmt"
)

// FieldError is the reason why a field of config.json cannot be honoured.
type FieldError struct {
	// Path is the JSON path, as in [Problem].
	Path string
	// Value is the field's value if that helps to find the cause, such as a path. Otherwise it is
	// "".
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

// Fieldf returns a [FieldError] without a value. The format and its arguments are as in
// [fmt.Errorf].
func Fieldf(path, format string, args ...any) error {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}

// ProblemOf returns err as a [Problem] of level l. The Problem has the JSON path if err wraps a
// [FieldError].
func ProblemOf(err error, l Level) Problem {
	var f *FieldError
	if !errors.As(err, &f) {
		return Problem{Level: l, Message: err.Error()}
	}
	p := Problem{Path: f.Path, Level: l, Message: err.Error()}
	if err == error(f) { // err itself is the FieldError
		if p.Message = f.Err.Error(); f.Value != "" {
			p.Message = f.Value + ": " + p.Message
		}
	}
	return p
}
