// Package failure holds the errors that end a pct command, with the exit status that Proxmox's Perl gives them.
package failure

import (
	"errors"
	"fmt"
	"strings"
)

// Exit statuses of a dying Perl program: its errno when one is left over, 255 otherwise, 111 (ECONNREFUSED)
// when the cluster file system does not answer.
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

// New is a plain death with status 255.
func New(format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Status: StatusDied}
}

// Missing is a death that left ENOENT behind, status 2.
func Missing(format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Status: StatusMissingFile}
}

// Status is the exit status for err: 0 for nil, 255 for anything that names none.
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

// Line is err's text on one line, as a worker reports it to its front.
func Line(err error) string {
	return strings.ReplaceAll(strings.TrimSuffix(err.Error(), "\n"), "\n", " ")
}
