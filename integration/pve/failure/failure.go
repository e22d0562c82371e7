// Package failure holds the errors that end a pct command, with the exit statuses of Proxmox's
// Perl.
package failure

import (
	"errors"
	"fmt"
	"strings"
)

// Exit statuses of a dying Perl program: its errno if one is set, else 255. It is 111
// (ECONNREFUSED) if the cluster file system does not answer.
const (
	StatusDied        = 255
	StatusMissingFile = 2
	StatusNoCluster   = 111
)

// Failure is a message for the user and the exit status that goes with it.
type Failure struct {
	Message string
	Status  int
}

// Error returns the message without a trailing newline.
func (f *Failure) Error() string { return f.Message }

// New returns a failure with status 255.
func New(format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Status: StatusDied}
}

// Missing returns a failure with status 2 (ENOENT).
func Missing(format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Status: StatusMissingFile}
}

// Status returns the exit status for err: 0 for nil, 255 for an error without a status.
func Status(err error) int {
	var f *Failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		return f.Status
	default:
		return StatusDied
	}
}

// Line returns err's text on one line, as a worker reports it to its front.
func Line(err error) string {
	return strings.ReplaceAll(strings.TrimSuffix(err.Error(), "\n"), "\n", " ")
}
