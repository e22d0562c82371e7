package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestFieldError(t *testing.T) {
	field := Fieldf("linux.devices[2]", "open: %w", fs.ErrNotExist)
	for name, c := range map[string]struct {
		err  error
		text string
		want Problem
	}{
		"a field":    {field, "linux.devices[2]: open: file does not exist", Problem{Path: "linux.devices[2]", Message: "open: file does not exist"}},
		"a value":    {&FieldError{Path: "root.path", Value: "/x: y", Err: fs.ErrNotExist}, "root.path (/x: y): file does not exist", Problem{Path: "root.path", Message: "/x: y: file does not exist"}},
		"around one": {fmt.Errorf("create: %w", field), "create: linux.devices[2]: open: file does not exist", Problem{Path: "linux.devices[2]", Message: "create: linux.devices[2]: open: file does not exist"}},
		"none":       {fmt.Errorf("mounts: %w", fs.ErrNotExist), "mounts: file does not exist", Problem{Message: "mounts: file does not exist"}},
	} {
		if c.err.Error() != c.text || !errors.Is(c.err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want %s", name, c.err, c.text)
		}
		c.want.Level = Error
		if got := ProblemOf(c.err, Error); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
