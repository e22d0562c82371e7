package process

import "github.com/berth-oci/berth/backends/seccomp"

// Attributes are what a process gets before it becomes the user's program. Package spec has checked
// them. They use the kernel's terms and have no pointers into the spec. The zero value of an
// optional field means that nothing is to be set.
type Attributes struct {
	Basics

	// Capabilities stay as they are if the field is nil. FromSpec always sets it.
	Capabilities    *Capabilities   `json:"capabilities,omitempty"`
	NoNewPrivileges bool            `json:"noNewPrivileges,omitempty"`
	Seccomp         *seccomp.Filter `json:"seccomp,omitempty"`
	AppArmorProfile string          `json:"appArmorProfile,omitempty"`
	SELinuxLabel    string          `json:"seLinuxLabel,omitempty"`

	Limits      []Limit    `json:"limits,omitempty"`
	OOMScoreAdj *int       `json:"oomScoreAdj,omitempty"`
	Scheduler   *Scheduler `json:"scheduler,omitempty"`
	// IOPriority is the argument ioprio of ioprio_set(2): class and level.
	IOPriority *int `json:"ioPriority,omitempty"`
	// Personality is the argument of personality(2).
	Personality *uint32 `json:"personality,omitempty"`
	// MemoryPolicy applies to the container's first process and to the processes that exec starts.
	MemoryPolicy *MemoryPolicy `json:"memoryPolicy,omitempty"`

	// Keyring is the name of the session keyring to join (keyctl(2)). If it is empty the process
	// keeps the caller's keyring. FromSpec leaves it empty. The caller names it after the
	// container, unless --no-new-keyring is set.
	Keyring string `json:"keyring,omitempty"`
	// UserNamespace is true if the spec has a user namespace, new or existing.
	UserNamespace bool `json:"userNamespace,omitempty"`

	// Warnings name what the spec asks for and this kernel cannot give, in the cases that the OCI
	// specification wants logged and not treated as an error.
	Warnings []error `json:"-"`
}

// MemoryPolicy are the arguments of set_mempolicy(2): Mode includes its flags, and Nodes is a bit
// mask.
type MemoryPolicy struct {
	Mode  int      `json:"mode"`
	Nodes []uint64 `json:"nodes,omitempty"`
}
