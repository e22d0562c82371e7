// Package tools builds and runs FreeBSD's commands for jails, file systems, devices, interfaces and
// limits, and parses their output.
package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-oci/berth/backends"
)

// Command is a tool's name and its arguments.
type Command []string

// Box finds and runs tools.
type Box struct {
	// Dirs are the directories to search, in this order.
	Dirs []string
	// Lock is inherited by each tool, if it is set. If berth is killed while a tool runs, the tool
	// keeps the lock and the next berth waits for it.
	Lock *os.File
}

// Error is the failure of a tool.
type Error struct {
	Command Command
	// Status is the tool's exit status, or -1 if it did not exit.
	Status int
	// Said is the tool's stderr without surrounding white space.
	Said string
	Err  error
}

func (e *Error) Error() string {
	if e.Said != "" {
		return fmt.Sprintf("%s: %s", strings.Join(e.Command, " "), e.Said)
	}
	return fmt.Sprintf("%s: %v", strings.Join(e.Command, " "), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrMissing is the error for a tool that is in none of the directories.
var ErrMissing = errors.New("is missing on this host")

// Find returns the path of a tool, or ErrMissing.
func (b *Box) Find(name string) (string, error) {
	for _, dir := range b.Dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s %w (looked in %s)", name, ErrMissing, strings.Join(b.Dirs, ", "))
}

// said is the number of bytes of a tool's output that are kept.
const said = 64 << 10

// Run runs a tool and returns its stdout. If the tool fails, the error is an *Error.
func (b *Box) Run(ctx context.Context, c Command) (string, error) {
	path, err := b.Find(c[0])
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, c[1:]...)
	cmd.Args[0] = c[0]
	// Some tools translate their messages and sort by the caller's locale.
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if b.Lock != nil {
		cmd.ExtraFiles = []*os.File{b.Lock}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&out}, &limited{&errs}
	cmd.WaitDelay = 5 * time.Second // a loaded machine reads late
	begin := time.Now()
	err = cmd.Run()
	backends.Called(c, begin, cmd.ProcessState.ExitCode())
	if err != nil {
		return out.String(), &Error{Command: c, Status: cmd.ProcessState.ExitCode(), Said: strings.TrimSpace(errs.String()), Err: err}
	}
	return out.String(), nil
}

// limited keeps the first said bytes and drops the rest. It embeds no buffer, because package io
// would fill that by its ReadFrom and not by Write.
type limited struct{ kept *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := said - l.kept.Len(); room > 0 {
		l.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
