// Package host is the state of the host that the stand-in's tools work on: what FreeBSD's kernel
// would remember, in a file that tests can prepare and inspect.
package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is the environment variable that tells the tools the directory of the host's file.
const Dir = "BERTH_STANDIN"

// Host is the state of the host.
type Host struct {
	// Calls are the command lines so far.
	Calls [][]string
	// NextJID is the jid of the next jail.
	NextJID int
	// Jails maps full names to jails.
	Jails map[string]*Jail
	// Mounts are the mounts made by mount(8), the most recent last.
	Mounts []Mount
	// Rulesets are the devfs rulesets. Applied are the rules applied to mounts.
	Rulesets map[string][]string
	Applied  []string
	// Interfaces maps names to the host's network interfaces.
	Interfaces map[string]*Interface
	// Limits are the rules of rctl(8). NoRacct simulates a kernel without resource accounting.
	Limits  []string
	NoRacct bool
	// NoFileMounts simulates a kernel whose nullfs mounts only directories.
	NoFileMounts bool
	// FailAt is the number of the call that fails, counted from 1. Fail is the way it fails.
	FailAt int
	Fail   Failure
}

// Failure is the way a call fails.
type Failure string

// Early fails before the tool has done anything, Late after it has done its work. Crash kills the
// caller after the tool has done its work. Orphan kills the caller first, and the tool works on
// alone.
const (
	Early  Failure = "early"
	Late   Failure = "late"
	Crash  Failure = "crash"
	Orphan Failure = "orphan"
)

// Jail is a jail.
type Jail struct {
	JID         int
	Path        string
	Params      map[string]string
	ChildrenMax int
}

// Mount is a mount.
type Mount struct {
	Kind, Source, Target string
	Options              []string
}

// Interface is a network interface. Jail is the jail whose network stack it is in.
type Interface struct {
	Jail      string
	Addresses []string
}

// New returns a host in its initial state. Its ruleset 4 is a shortened version of FreeBSD's as
// devfs(8) shows it.
func New() *Host {
	return &Host{
		NextJID: 1,
		Jails:   map[string]*Jail{},
		Rulesets: map[string][]string{
			"1": {"100 hide"},
			"2": {"100 path log unhide", "200 path null unhide", "300 path zero unhide", "400 path crypto unhide", "500 path random unhide", "600 path urandom unhide"},
			"3": {"100 path ptyp* unhide", "900 path ttyp* unhide", "1700 path ptmx unhide", "1800 path pts unhide", "1900 path pts/* unhide",
				"2000 path fd unhide", "2100 path fd/* unhide", "2200 path stdin unhide", "2300 path stdout unhide", "2400 path stderr unhide"},
			"4": {"100 include 1", "200 include 2", "300 include 3", "400 path fuse unhide", "500 path zfs unhide"},
		},
		Interfaces: map[string]*Interface{"lo1": {}, "epair0b": {}, "epair1b": {}},
	}
}

// Update locks the host of a directory, calls f to change it, and writes it even if f fails.
func Update(dir string, f func(h *Host) error) error {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	path := filepath.Join(dir, "host.json")
	h := New()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, h)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	err = f(h)
	if data, jsonErr := json.MarshalIndent(h, "", "\t"); jsonErr != nil {
		return errors.Join(err, jsonErr)
	} else if writeErr := os.WriteFile(path, data, 0o600); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	return err
}
