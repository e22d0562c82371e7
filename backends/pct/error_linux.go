package pct

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// These are the causes of a failed call of pct that some caller distinguishes.
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
	ErrPool       = errors.New("the resource pool does not exist")
	ErrStorage    = errors.New("the storage cannot be used")
	ErrTemplate   = errors.New("the template cannot be used")
	ErrRootfs     = errors.New("the rootfs cannot be used")
	ErrPermission = errors.New("permission denied")
	ErrTimeout    = errors.New("pct has not ended in time")
	ErrNoPct      = errors.New("pct cannot be run")
)

// Error is a failed call of pct.
type Error struct {
	// Args are pct's arguments. Output is pct's stderr, or its stdout if stderr is empty.
	Args   []string
	Output string
	// Parameters are the names of the refused parameters if Cause is ErrParameter.
	Parameters []string
	// Cause is one of the errors above, or nil. Err is how the call ended.
	Cause, Err error
}

// Error returns what was called, what pct said, and what to do.
func (e *Error) Error() string {
	text := "pct " + strings.Join(e.Args[:min(2, len(e.Args))], " ") + ": "
	switch {
	case e.Output != "":
		text += e.Output
	default:
		text += e.Err.Error()
	}
	if advice := e.advice(); advice != "" {
		text += " (" + advice + ")"
	}
	return text
}

func (e *Error) advice() string {
	for _, t := range troubles {
		if t.cause == e.Cause {
			return t.advice
		}
	}
	return ""
}

// Unwrap returns the cause, if it is known, and how the call ended.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Cause, e.Err}
}

// trouble is a known failure of pct.
type trouble struct {
	// words is a regular expression for the messages of pve-container 6. It is compiled only when
	// there is an error.
	words string
	cause error
	// advice tells the administrator what to do; "" if berth handles the failure.
	advice string
	// meaning is the explanation in docs/troubleshooting.md.
	meaning string
}

// troubles are the known failures. The first that matches counts.
var troubles = []trouble{
	{`ipcc_send_rec.*Connection refused`, ErrDown, "see 'systemctl status pve-cluster'",
		"pmxcfs, the cluster file system at /etc/pve, does not run; nothing of Proxmox VE works then."},
	{`no quorum|/etc/pve/.* - Permission denied`, ErrNoQuorum, "see 'pvecm status'",
		"/etc/pve is read-only because this node does not see a majority of the cluster. Running containers go on. " +
			"With pct.quorum-wait in berth's configuration berth waits for it."},
	{`(CT|VM) \d+ already exists`, ErrExists, "",
		"Somebody else took the VMID in the same moment. berth takes the next one."},
	{`Configuration file '.*' does not exist`, ErrNotFound, "",
		"The CT was destroyed in Proxmox VE. 'berth delete' removes what is left of the container."},
	{`container is running|CT \d+ already running`, ErrRunning, "stop it first",
		"The operation wants a stopped CT."},
	{`(CT|VM) \d+ not running|container '\d+' not running`, ErrNotRunning, "",
		"The CT has ended meanwhile."},
	{`CT is locked`, ErrLocked, "a task of Proxmox VE holds it; wait for its end, or 'pct unlock' after a crash",
		"A backup, snapshot or other task of Proxmox VE has the CT; its name stands in parentheses."},
	{`protection mode enabled`, ErrProtected, "switch its protection off in Proxmox VE, then delete again",
		"Somebody has protected the CT against removal."},
	{`can't lock file .* got timeout`, ErrBusy, "another call of pct holds it; try again when that is done",
		"Another call of pct works on the CT. berth has tried until its time was over."},
	{`bridge '.*' does not exist`, ErrBridge, "make the bridge in the node's network configuration, or change pct.network.bridge of berth's configuration",
		"The network that the CT is to be connected to is not there on this node."},
	{`directory '.*' does not exist|symlink encountered at|mount points configured, but 'rootfs' not set`, ErrRootfs,
		"the rootfs must be an existing directory without symbolic links in its path",
		"Proxmox VE cannot use the bundle's root.path."},
	{`can't find file '.*'|volume '.*' does not exist`, ErrTemplate, "see that the file is there and readable",
		"The archive that a CT is to be made from is not there."},
	{`storage '.*' does not|storage:`, ErrStorage, "see 'pvesm status': the storage must exist, be enabled, and have the content type rootdir",
		"The storage is unknown, switched off, or does not take containers."},
	{`pool '.*' does not exist`, ErrPool, "make the pool in Proxmox VE, or change pct.pool of berth's configuration",
		"The resource pool that the CT is to be in is not there in this cluster."},
	{`startup for container '\d+' failed|unable to get PID for CT`, ErrStart, "",
		"LXC could not start the CT. What LXC said stands behind 'LXC says'."},
	{`^400 |Unknown option`, ErrParameter, "this pct may be older or newer than berth knows; please report it with 'pveversion'",
		"pct refuses a value; the parameter's name stands before the colon."},
	{`Permission check failed|permission denied|only root can|Operation not permitted`, ErrPermission, "berth needs root on the Proxmox VE host itself",
		"berth runs as another user than root@pam, or in a container."},
	{`^no end after `, ErrTimeout, "see 'systemctl status pvedaemon pve-cluster' and the node's load; the limit is pct.timeout of berth's configuration",
		"pct hung for longer than the configuration's timeout and was ended."},
	{`^this host lacks the program |^the program .* (is not an executable file|cannot be used|cannot be started)`, ErrNoPct, "",
		"The program pct is not there, or not where pct.path of berth's configuration says."},
}

// adviceNoPct is the advice in the error that pct is missing.
const adviceNoPct = "this is no node of Proxmox VE, or pct.path of berth's configuration is wrong"

// parameter matches a line of "Parameter verification failed". Like the other expressions it is
// compiled only when there is an error, because berth is started anew for each command.
const parameter = `(?m)^([a-z][\w.\[\]-]*): `

func newError(args []string, stdout, stderr string, err error) *Error {
	output := strings.TrimSpace(stderr)
	if output == "" {
		output = strings.TrimSpace(stdout)
	}
	e := &Error{Args: args, Output: strings.Join(strings.Split(output, "\n"), "; "), Err: err}
	said := output
	if said == "" {
		said = err.Error()
	}
	for _, t := range troubles {
		if regexp.MustCompile(t.words).MatchString(said) {
			e.Cause = t.cause
			break
		}
	}
	if e.Cause == ErrParameter {
		for _, m := range regexp.MustCompile(parameter).FindAllStringSubmatch(output, -1) {
			e.Parameters = append(e.Parameters, m[1])
		}
	}
	return e
}

// worthRetrying reports whether the same call may succeed later: another call holds the
// configuration, or there is no quorum and the administrator asked to wait for it.
func worthRetrying(ctx context.Context, err error, quorum bool) bool {
	if ctx.Err() != nil {
		return false
	}
	return errors.Is(err, ErrBusy) || quorum && errors.Is(err, ErrNoQuorum)
}
