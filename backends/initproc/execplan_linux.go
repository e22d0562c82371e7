package initproc

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/process"
)

// ExecPlan describes a further process of a running container. A berth helper starts it from
// outside: a thread of the helper joins the container's namespaces, takes on the process's
// attributes, and forks a child into the container's pid namespace. The child runs no berth code
// except a few system calls up to execve. Until then its executable is the one that openSelf
// returned. If the container makes the child exec /proc/self/exe, it runs that executable and
// cannot write to it (CVE-2019-5736).
type ExecPlan struct {
	// Namespaces are the CLONE_NEW* flags of the namespaces to join, without the user and the pid
	// namespace.
	Namespaces int
	Process    *process.Attributes
	// Terminal makes a new terminal in the container the process's stdio. Its master goes to the
	// console socket.
	Terminal bool
	Console  *specs.Box
	// CPUs are the CPUs on which the process may run before it is in the container's cgroup. Empty
	// means all.
	CPUs []int
	// Inherited is the number of berth's descriptors from 3 on that the process inherits.
	Inherited int
}

// helperPlan is the helper's plan. Its numbers are indexes of the files beside it, or None. Files 0
// and 1 are Member and the sync socket. PID, Mount and Root are the files of the same names in
// ExecFiles, Tty is ConsoleSocket, and SharedPage is the shared page.
type helperPlan struct {
	*ExecPlan
	PID, Tty, SharedPage, Mount, Root int
}

// forkReply is the helper's answer.
type forkReply struct {
	Pid   int
	Path  string
	Error string `json:",omitempty"`
}
