// Package jailed is the init process of a jail: berth itself, executed anew. It waits outside the
// jail, enters it, applies the attributes of process in config.json, waits for start, and execs the
// user's program. A process of exec does the same without waiting for start.
//
// The init process talks to create as package link describes. A program that imports this package
// can become that process: the package's init function takes over if the environment says so.
package jailed

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/process"
)

// Plan tells the init process what to do before it execs the user's program. Descriptors are given
// as indices into the slice of files sent with the plan.
type Plan struct {
	// JID is the jail's id, Root the jail's root as a path on the host.
	JID     int
	Root    string
	Process *process.Basics
	Limits  []Limit
	// NoNewPrivileges is process.noNewPrivileges.
	NoNewPrivileges bool
	Terminal        bool
	Console         *specs.Box
	// ConsoleSocket is the socket that receives the terminal's master, or None.
	ConsoleSocket int
	// StartSocket is the listening socket to which start connects. It is None for a process that
	// does not wait for start.
	StartSocket int
	// HostHooks is true if create has hooks to run before the process enters the jail.
	HostHooks bool
	// CreateContainer and StartContainer are the hooks that the process runs itself.
	CreateContainer, StartContainer backends.HookList
	// State is the state that these hooks get.
	State specs.State
	// Inherited is the number of descriptors from 3 on that the user's program gets.
	Inherited int
}

// Limit is a resource limit of setrlimit(2).
type Limit struct {
	Name       string
	Resource   int
	Soft, Hard uint64
}

// None is the index that stands for no descriptor.
const None = -1
