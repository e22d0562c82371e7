package process

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/seccomp"
)

// Attributes are what a process is to be given before it becomes the user's program: checked, in the kernel's terms,
// and free of pointers into the spec. The zero value of an optional field says that nothing is to be done.
type Attributes struct {
	Args []string `json:"args"`
	// Env has no duplicates. HOME is added by Prepare, from the container's /etc/passwd.
	Env []string `json:"env,omitempty"`
	Cwd string   `json:"cwd"`
	// ListenFDs is the number of sockets from descriptor 3 that LISTEN_FDS announces (sd_listen_fds(3)). FromSpec
	// leaves it 0: it is a matter of the command line.
	ListenFDs int `json:"listenFDs,omitempty"`

	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
	// Umask is 0022 where the spec has none.
	Umask uint32 `json:"umask"`

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

	// Keyring is the name of a session keyring to join (keyctl(2)); with "" the caller's is kept. FromSpec leaves it
	// empty: it is named after the container, unless --no-new-keyring says otherwise.
	Keyring string `json:"keyring,omitempty"`
	// UserNamespace says that the process runs in a user namespace of the container's own.
	UserNamespace bool `json:"userNamespace,omitempty"`

	// Warnings name what the spec asks for and this kernel cannot give, where the OCI specification wants that
	// logged and no error made of it.
	Warnings []string `json:"-"`
}

const defaultUmask = 0o022

// FromSpec makes the attributes of process p in a container with spec s. It looks at the host it runs on (which
// capabilities and security modules the kernel has). Seccomp, ListenFDs and Keyring are left to the caller.
//
// Errors name the JSON path of what is wrong.
func FromSpec(p *specs.Process, s *specs.Spec) (*Attributes, error) {
	if p == nil {
		return nil, errors.New("process: must be set")
	}
	a := &Attributes{
		Args:            p.Args,
		Cwd:             p.Cwd,
		UID:             p.User.UID,
		GID:             p.User.GID,
		Groups:          p.User.AdditionalGids,
		Umask:           defaultUmask,
		NoNewPrivileges: p.NoNewPrivileges,
	}
	if p.User.Umask != nil {
		a.Umask = *p.User.Umask
	}
	if a.Umask > 0o777 {
		return nil, fmt.Errorf("process.user.umask: %#o is more than 0777", a.Umask)
	}
	if s != nil && s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			a.UserNamespace = a.UserNamespace || ns.Type == specs.UserNamespace
		}
	}
	for _, step := range []func(p *specs.Process, s *specs.Spec) error{
		a.takeArgs, a.takeEnv, a.takeCwd, a.takeIDs, a.takeCapabilities, a.takeLabels, a.takeLimits, a.takeSchedule,
		a.takePersonality,
	} {
		if err := step(p, s); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Attributes) takeArgs(p *specs.Process, _ *specs.Spec) error {
	if len(p.Args) == 0 {
		return errors.New("process.args: must not be empty")
	}
	for i, arg := range p.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return fmt.Errorf("process.args[%d]: contains a NUL byte", i)
		}
	}
	return nil
}

func (a *Attributes) takeCwd(p *specs.Process, _ *specs.Spec) error {
	switch {
	case p.Cwd == "":
		return errors.New("process.cwd: must not be empty")
	case !path.IsAbs(p.Cwd):
		return fmt.Errorf("process.cwd: %q is not an absolute path", p.Cwd)
	case strings.IndexByte(p.Cwd, 0) >= 0:
		return errors.New("process.cwd: contains a NUL byte")
	}
	return nil
}

// noID is (uid_t)-1: to setresuid(2) and chown(2) it means "leave it".
const noID = 1<<32 - 1

func (a *Attributes) takeIDs(p *specs.Process, _ *specs.Spec) error {
	switch {
	case a.UID == noID:
		return fmt.Errorf("process.user.uid: %d is not a user ID", a.UID)
	case a.GID == noID:
		return fmt.Errorf("process.user.gid: %d is not a group ID", a.GID)
	}
	for i, gid := range a.Groups {
		if gid == noID {
			return fmt.Errorf("process.user.additionalGids[%d]: %d is not a group ID", i, gid)
		}
	}
	return nil
}
