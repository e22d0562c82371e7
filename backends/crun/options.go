package crun

import (
	"fmt"
	"strconv"
	"syscall"

	"github.com/berth-oci/berth/backends"
)

// Globals are the flags before the command's name, as the caller gave them to berth. A flag with
// its zero value is left to the other runtime.
type Globals struct {
	Debug          bool
	Log, LogFormat string
	SystemdCgroup  bool
	// CgroupManager is a flag of crun: cgroupfs, systemd or disabled.
	CgroupManager string
	// Rootless is a flag of runc: true, false or auto.
	Rootless string
}

// args returns the flags as the runtime understands them. root is the runtime's state directory.
func (g Globals) args(f flavour, root string) ([]string, error) {
	w := words{}
	w.text("--root", root)
	w.flag("--debug", g.Debug)
	w.text("--log", g.Log)
	w.text("--log-format", g.LogFormat)
	switch {
	case g.CgroupManager == "":
		w.flag("--systemd-cgroup", g.SystemdCgroup)
	case f == crunFlavour:
		w.flag("--systemd-cgroup", g.SystemdCgroup)
		w.text("--cgroup-manager", g.CgroupManager)
	case g.CgroupManager == "systemd":
		w.flag("--systemd-cgroup", true)
	case g.CgroupManager == "cgroupfs":
		w.flag("--systemd-cgroup", g.SystemdCgroup)
	default:
		return nil, fmt.Errorf("--cgroup-manager=%s: not supported by runc, which supports only cgroupfs and systemd", g.CgroupManager)
	}
	// crun finds out by itself whether it has root's rights.
	if f == runcFlavour {
		w.text("--rootless", g.Rootless)
	}
	return w, nil
}

// createOptions are the flags of create.
type createOptions struct {
	Bundle string
	backends.CreateOptions
}

func (o createOptions) args(id string) []string {
	w := words{}
	w.text("--bundle", o.Bundle)
	w.text("--console-socket", o.ConsoleSocket)
	w.text("--pidfd-socket", o.PidfdSocket)
	w.text("--pid-file", o.PidFile)
	w.flag("--no-pivot", o.NoPivot)
	w.flag("--no-new-keyring", o.NoNewKeyring)
	if o.PreserveFDs != 0 {
		w.text("--preserve-fds", strconv.Itoa(o.PreserveFDs))
	}
	return append(w, id)
}

// killOptions are the flags of kill, and the signal.
type killOptions struct {
	All    bool
	Signal syscall.Signal
}

func (o killOptions) args(id string) []string {
	w := words{}
	w.flag("--all", o.All)
	return append(w, id, strconv.Itoa(int(o.Signal)))
}

// deleteOptions are the flags of delete.
type deleteOptions struct{ Force bool }

func (o deleteOptions) args(id string) []string {
	w := words{}
	w.flag("--force", o.Force)
	return append(w, id)
}

// words is a command line that is being built.
type words []string

// text adds a flag with a value, unless the value is empty. Flag and value are one word, so the
// value cannot be taken for a flag.
func (w *words) text(name, value string) {
	if value != "" {
		*w = append(*w, name+"="+value)
	}
}

// flag adds a flag that is set.
func (w *words) flag(name string, set bool) {
	if set {
		*w = append(*w, name)
	}
}
