// Package jailed is a jail's first process before it becomes the user's: berth
// itself, executed anew, which waits outside, enters the jail, takes on the
// attributes of process of config.json, waits for start, and execs. A process of
// exec is the same without the waiting.
//
// It speaks with create as package link says. Importing the package is what
// makes a program able to be that process: its init takes over where the
// environment says so.
package jailed

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/process"
)

// Plan is all that the process does between its birth and the user's program.
// Descriptors are named by their place in the slice that goes beside it.
type Plan struct {
	// JID is the jail, Root its root on the host.
	JID     int
	Root    string
	Process *process.Basics
	Limits  []Limit
	// NoNewPrivileges is process.noNewPrivileges.
	NoNewPrivileges bool
	Terminal        bool
	Console         *specs.Box
	// ConsoleSocket receives the terminal's master (None without).
	ConsoleSocket int
	// StartSocket is the listening socket on which start calls; None for a
	// process that does not wait.
	StartSocket int
	// HostHooks says that create has hooks to run before the jail is entered.
	HostHooks bool
	// CreateContainer and StartContainer are run by the process itself.
	CreateContainer, StartContainer backends.HookList
	// State is what these hooks are told.
	State specs.State
	// Inherited is the number of descriptors from 3 on for the user's program.
	Inherited int
}

// Limit is a resource limit of setrlimit(2).
type Limit struct {
	Name       string
	Resource   int
	Soft, Hard uint64
}

// None is the index that says "no descriptor".
const None = -1
