package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

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
	f, err := os.Open(cmpOr(path, File))
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return Default(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("configuration: %s is larger than %d bytes", f.Name(), maxSize)
	}
	return Parse(f.Name(), data, known)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Parse reads a configuration. file is its name in errors.
func Parse(file string, data []byte, known []string) (*Config, error) {
	c := Default()
	lines, err := index(data)
	if err == nil {
		d := toml.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(c)
	}
	if err != nil {
		return nil, syntaxError(file, lines, err)
	}
	var errs []error
	check(c, known, func(key, format string, args ...any) {
		errs = append(errs, &Error{File: file, Line: lines.line(key), Key: key, Message: fmt.Sprintf(format, args...)})
	})
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// syntaxError turns the decoder's errors into an *Error, or several of them joined.
func syntaxError(file string, lines keyLines, err error) error {
	var decode *toml.DecodeError
	var strict *toml.StrictMissingError
	var own *Error
	switch {
	case errors.As(err, &own):
		own.File = file
		return own
	case errors.As(err, &strict):
		var errs []error
		for i := range strict.Errors {
			e := &strict.Errors[i]
			line, _ := e.Position()
			errs = append(errs, &Error{File: file, Line: line, Key: lines.key(line, e.Key()), Message: "there is no such setting"})
		}
		return errors.Join(errs...)
	case errors.As(err, &decode):
		line, _ := decode.Position()
		return &Error{File: file, Line: line, Key: lines.key(line, decode.Key()), Message: trimPrefix(decode.Error())}
	}
	return fmt.Errorf("%s: %w", file, err)
}

func trimPrefix(s string) string {
	if rest, ok := bytes.CutPrefix([]byte(s), []byte("toml: ")); ok {
		return string(rest)
	}
	return s
}
