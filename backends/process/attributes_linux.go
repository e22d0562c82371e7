package process

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/seccomp"
)

// Attributes are what a process gets before it becomes the user's program. FromSpec has checked
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

// FromSpec makes the attributes of process p in a container with spec s. s may be nil. FromSpec
// looks at the host on which it runs: which capabilities and security modules its kernel has. The
// caller sets Seccomp, ListenFDs and Keyring.
//
// Errors name the JSON path of the bad value.
func FromSpec(p *specs.Process, s *specs.Spec) (*Attributes, error) {
	basics, err := BasicsOf(p)
	if err != nil {
		return nil, err
	}
	a := &Attributes{Basics: *basics, NoNewPrivileges: p.NoNewPrivileges}
	if s != nil && s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			a.UserNamespace = a.UserNamespace || ns.Type == specs.UserNamespace
		}
	}
	for _, step := range []func(p *specs.Process, s *specs.Spec) error{
		a.takeCapabilities, a.takeLabels, a.takeLimits, a.takeSchedule, a.takePersonality, a.takeMemoryPolicy,
	} {
		if err := step(p, s); err != nil {
			return nil, err
		}
	}
	return a, nil
}
