// Package tools are FreeBSD's commands for jails, file systems, devices,
// interfaces and limits: what each is called with, and what it answers.
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

// Box is where tools are found.
type Box struct {
	// Dirs are looked into in this order.
	Dirs []string
	// Lock is inherited by each tool, if it is set: a tool that outlives a berth
	// that was killed has it, and the next berth waits for the tool.
	Lock *os.File
}

// Error is the failure of a tool.
type Error struct {
	Command Command
	// Status is the tool's exit status, -1 if it had none.
	Status int
	// Said is what it wrote to stderr, without its end of line.
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

// ErrMissing is of a tool that is in none of the directories.
var ErrMissing = errors.New("is not there")

// Find is the path of a tool.
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

// said is as much of a tool's output as is kept, in bytes.
const said = 64 << 10

// Run calls a tool and returns what it wrote to stdout. Its failure is an *Error.
func (b *Box) Run(ctx context.Context, c Command) (string, error) {
	path, err := b.Find(c[0])
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, c[1:]...)
	cmd.Args[0] = c[0]
	// Some say things in the caller's language, and sort by it.
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

// limited takes what fits and forgets the rest.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := said - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
