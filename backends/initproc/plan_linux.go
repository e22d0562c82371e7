package initproc

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/backends/rootfs"
)

// Plan is everything that the init process does between its start and the user's program.
// Descriptors are indexes of the slice of files that goes with the plan.
type Plan struct {
	// Member is a pidfd. The init process enters the namespaces of that process whose types are in
	// Namespaces (CLONE_NEW* flags, as in setns(2)).
	Member     int
	Namespaces int
	// MountNamespace is an existing mount namespace to enter instead of the member's, or None.
	MountNamespace int
	// PIDNamespace is an existing pid namespace, or None. The last step forks the user's process in
	// it. Other processes in that namespace may have the right to inspect the user's process, so it
	// must hold nothing of the host.
	PIDNamespace int
	// NewTime makes a time namespace for a process in PIDNamespace. Offsets are as in Config.
	NewTime bool
	Offsets string
	// Hostname and Domainname are set if they are not empty.
	Hostname, Domainname string
	// Loopback brings up lo in the new network namespace.
	Loopback bool
	// Root says how to build the root. Its RootFiles descriptors come first in the slice.
	Root      *rootfs.Plan
	RootFiles int
	// At is the path in the host's tree at which the root is built, so that hooks find it there. It
	// is empty if no hook needs it. HostTree is a copy of that tree, or None.
	At       string
	HostTree int
	Process  *process.Attributes
	Terminal bool
	Console  *specs.Box
	// ConsoleSocket receives the terminal's master. It is None without a terminal.
	ConsoleSocket int
	// StartSocket is the listening socket to which start connects.
	StartSocket int
	// HostHooks is true if create runs hooks before the init process pivots.
	HostHooks bool
	// CreateContainer and StartContainer are hooks that the init process runs itself.
	CreateContainer, StartContainer backends.HookList
	// State is the state that these hooks get.
	State specs.State
	// Inherited is the number of descriptors from 3 on that the user's process inherits.
	Inherited int
}

// None is the index that means "no descriptor".
const None = -1
