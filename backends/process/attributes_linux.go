package process

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/seccomp"
)

// Attributes are what a process is to be given before it becomes the user's program: checked, in the kernel's terms,
// and free of pointers into the spec. The zero value of an optional field says that nothing is to be done.
type Attributes struct {
	Basics

	// Capabilities that are nil stay as they are. FromSpec always sets them.
	Capabilities    *Capabilities   `json:"capabilities,omitempty"`
	NoNewPrivileges bool            `json:"noNewPrivileges,omitempty"`
	Seccomp         *seccomp.Filter `json:"seccomp,omitempty"`
	AppArmorProfile string          `json:"appArmorProfile,omitempty"`
	SELinuxLabel    string          `json:"seLinuxLabel,omitempty"`

	Limits      []Limit    `json:"limits,omitempty"`
	OOMScoreAdj *int       `json:"oomScoreAdj,omitempty"`
	Scheduler   *Scheduler `json:"scheduler,omitempty"`
	// IOPriority is the value of ioprio_set(2), class and level.
	IOPriority *int `json:"ioPriority,omitempty"`
	// Personality is the value of personality(2).
	Personality *uint32 `json:"personality,omitempty"`
	// MemoryPolicy is that of the first process, and of those that exec starts.
	MemoryPolicy *MemoryPolicy `json:"memoryPolicy,omitempty"`

	// Keyring is the name of a session keyring to join (keyctl(2)); with "" the caller's is kept. FromSpec leaves it
	// empty: it is named after the container, unless --no-new-keyring says otherwise.
	Keyring string `json:"keyring,omitempty"`
	// UserNamespace says that the process runs in a user namespace of the container's own.
	UserNamespace bool `json:"userNamespace,omitempty"`

	// Warnings name what the spec asks for and this kernel cannot give, where the OCI specification wants that
	// logged and no error made of it.
	Warnings []error `json:"-"`
}

// FromSpec makes the attributes of process p in a container with spec s. It looks at the host it runs on (which
// capabilities and security modules the kernel has). Seccomp, ListenFDs and Keyring are left to the caller.
//
// Errors name the JSON path of what is wrong.
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
