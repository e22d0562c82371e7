package initproc

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
)

// Plan is all that the init process does between its birth and the user's process.
// Descriptors are named by their place in the slice that goes beside it.
type Plan struct {
	// Member is a pidfd of a process whose namespaces of the types Namespaces (CLONE_NEW* flags, as in
	// setns(2)) are to be entered.
	Member     int
	Namespaces int
	// MountNamespace is an existing one to enter that is not the member's (None without).
	MountNamespace int
	// PIDNamespace is an existing pid namespace for the user's process to be
	// born in as the last step (None without). Whoever is in that namespace may
	// have the right to look at a process there, so that it must have nothing of
	// the host's.
	PIDNamespace int
	// NewTime makes a time namespace for a process so born, as in Config.
	NewTime bool
	Offsets string
	// Hostname and Domainname are set if not empty.
	Hostname, Domainname string
	// Loopback brings up the new network namespace's lo.
	Loopback bool
	// Root is how the root is built; its descriptors come first in the slice.
	Root      *rootfs.Plan
	RootFiles int
	// At is where in the host's tree the root is built, for hooks to find it
	// there; "" where none look. HostTree brings that tree (or None).
	At       string
	HostTree int
	Process  *process.Attributes
	Terminal bool
	Console  *specs.Box
	// ConsoleSocket receives the terminal's master (None without).
	ConsoleSocket int
	// StartSocket is the listening socket on which start calls.
	StartSocket int
	// HostHooks says that create has hooks to run before the root is pivoted.
	HostHooks bool
	// CreateContainer and StartContainer are run by the init process itself.
	CreateContainer, StartContainer backends.HookList
	// State is what these hooks are told.
	State specs.State
	// Inherited is the number of descriptors from 3 on for the user's process.
	Inherited int
}

// None is the index that says "no descriptor".
const None = -1
