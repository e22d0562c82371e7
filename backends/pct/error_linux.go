package pct

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// What pct can fail of, as far as somebody decides on it.
var (
	ErrExists     = errors.New("the VMID is in use")
	ErrNotFound   = errors.New("there is no such CT")
	ErrRunning    = errors.New("the CT is running")
	ErrNotRunning = errors.New("the CT is not running")
	ErrLocked     = errors.New("the CT is locked")
	ErrProtected  = errors.New("the CT is protected")
	ErrBusy       = errors.New("another task holds the CT's configuration")
	ErrNoQuorum   = errors.New("the cluster has no quorum")
	ErrDown       = errors.New("the cluster file system is down")
	ErrParameter  = errors.New("a parameter is refused")
	ErrStart      = errors.New("the CT could not be started by LXC")
	ErrBridge     = errors.New("the bridge does not exist")
	ErrStorage    = errors.New("the storage cannot be used")
)

// Error is a failed call of pct.
type Error struct {
	// Args are pct's arguments, Output is what it said: stderr, or stdout
	// where that is empty.
	Args   []string
	Output string
	// Cause is one of the errors above, or nil; Err is how the call ended.
	Cause, Err error
}

// Error says what was called, what pct said, and what to do.
func (e *Error) Error() string {
	text := "pct " + strings.Join(e.Args[:min(2, len(e.Args))], " ") + ": "
	switch {
	case e.Output != "":
		text += e.Output
	default:
		text += e.Err.Error()
	}
	if hint := hints[e.Cause]; hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

// Unwrap gives the cause and how the call ended.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Cause, e.Err}
}

var hints = map[error]string{
	ErrLocked:    "a task of Proxmox VE holds it; wait for its end, or 'pct unlock' after a crash",
	ErrProtected: "switch its protection off in Proxmox VE, then delete again",
	ErrNoQuorum:  "see 'pvecm status'",
	ErrDown:      "see 'systemctl status pve-cluster'",
	ErrBusy:      "try again when it is done",
}

// causes are tried in this order. The words are those of pve-container 6,
// as regular expressions; they are compiled when there is an error.
var causes = []struct {
	words string
	cause error
}{
	{`ipcc_send_rec.*Connection refused`, ErrDown},
	{`no quorum|/etc/pve/.* - Permission denied`, ErrNoQuorum},
	{`(CT|VM) \d+ already exists`, ErrExists},
	{`Configuration file '.*' does not exist`, ErrNotFound},
	{`container is running|CT \d+ already running`, ErrRunning},
	{`(CT|VM) \d+ not running|container '\d+' not running`, ErrNotRunning},
	{`CT is locked`, ErrLocked},
	{`protection mode enabled`, ErrProtected},
	{`can't lock file .* got timeout`, ErrBusy},
	{`bridge '.*' does not exist`, ErrBridge},
	{`storage '.*' does not|storage:`, ErrStorage},
	{`startup for container '\d+' failed|unable to get PID for CT`, ErrStart},
	{`^400 `, ErrParameter},
}

func newError(args []string, stdout, stderr string, err error) *Error {
	output := strings.TrimSpace(stderr)
	if output == "" {
		output = strings.TrimSpace(stdout)
	}
	e := &Error{Args: args, Output: strings.Join(strings.Split(output, "\n"), "; "), Err: err}
	for _, c := range causes {
		if regexp.MustCompile(c.words).MatchString(output) {
			e.Cause = c.cause
			break
		}
	}
	return e
}

func startError(vmid int, reason string, err error) error {
	if reason == "" || !errors.Is(err, ErrStart) {
		return err
	}
	return fmt.Errorf("%w: LXC says: %s", err, reason)
}
