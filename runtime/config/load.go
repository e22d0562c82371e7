package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxSize is the largest size of a configuration file, in bytes.
const maxSize = 1 << 20

// Error is one error in a configuration file.
type Error struct {
	File string
	// Line counts from 1.
	Line int
	// Key is the setting, such as rule[1].backend; rules count from 1. It is empty if the text is
	// not TOML.
	Key     string
	Message string
}

func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Message)
}

// Load reads a configuration file. known are the names of the backends. If path is empty, Load
// reads File, which may be absent. If it refuses the content, the error is an *Error, or several of
// them joined.
func Load(path string, known []string) (*Config, error) {
	f, err := os.Open(cmp.Or(path, File))
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return Default(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("read configuration: %s is larger than %d bytes", f.Name(), maxSize)
	}
	return Parse(f.Name(), data, known)
}

// Parse reads a configuration. file is its name in errors.
func Parse(file string, data []byte, known []string) (*Config, error) {
	var document map[string]any
	if err := toml.Unmarshal(data, &document); err != nil {
		return nil, invalid(file, err)
	}
	var errs []error
	fail := func(key, format string, args ...any) {
		e := &Error{File: file, Line: newIndex(data).line(key), Key: key, Message: fmt.Sprintf(format, args...)}
		errs = append(errs, e)
	}
	c := Default()
	if _, table := document["rule"].(map[string]any); table {
		fail("rule", "rules are a list: write [[rule]]")
	} else if checkTypes(reflect.TypeFor[Config](), document, "", fail); len(errs) == 0 {
		errs = decode(file, data, c)
	}
	if len(errs) == 0 {
		check(c, known, fail)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// decode reads a document whose values have the right types into a configuration.
func decode(file string, data []byte, c *Config) []error {
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(c)
	var missing *toml.StrictMissingError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &missing):
		return []error{invalid(file, err)}
	}
	x := newIndex(data)
	var errs []error
	for i := range missing.Errors {
		e := &missing.Errors[i]
		line, _ := e.Position()
		errs = append(errs, &Error{File: file, Line: line, Key: x.key(e), Message: "unknown setting"})
	}
	return errs
}

// invalid turns the decoder's error about a text that is no TOML into an *Error.
func invalid(file string, err error) error {
	var e *toml.DecodeError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", file, err)
	}
	line, _ := e.Position()
	return &Error{File: file, Line: line, Key: strings.Join(e.Key(), "."), Message: strings.TrimPrefix(e.Error(), "toml: ")}
}
