// Package host is the host that the stand-in's tools work on: what FreeBSD's
// kernel would remember, in a file, for tests to prepare and to look at.
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

// Dir names the directory of the host's file to the tools.
const Dir = "BERTH_STANDIN"

// Host is the state of the host.
type Host struct {
	// Calls are the command lines so far.
	Calls [][]string
	// NextJID is the jid of the next jail.
	NextJID int
	// Jails are by their full names.
	Jails map[string]*Jail
	// Mounts are those of mount(8), the last one last.
	Mounts []Mount
	// Rulesets are devfs's, Applied the rules that were applied to mounts.
	Rulesets map[string][]string
	Applied  []string
	// Interfaces are the host's, by name.
	Interfaces map[string]*Interface
	// Limits are the rules of rctl(8). NoRacct is a kernel that counts nothing.
	Limits  []string
	NoRacct bool
	// NoFileMounts is a kernel whose nullfs mounts directories alone.
	NoFileMounts bool
	// FailAt is the number of the call that does not go well, from 1 on; Fail says
	// how.
	FailAt int
	Fail   Failure
}

// Failure says how a call fails.
type Failure string

// The failures: before the tool has done anything; after it has done its work;
// with the end of the process that called it, after it has done its work; and
// with that end before, so that the tool works on alone.
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

// Interface is a network interface. Jail is the one whose network stack it is in.
type Interface struct {
	Jail      string
	Addresses []string
}

// New is a host on which nothing has happened. Its ruleset 4 is FreeBSD's as
// devfs(8) shows it, cut short.
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

// Update locks the host of a directory, lets f change it, and writes it, whatever
// f returns.
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
