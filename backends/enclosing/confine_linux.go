package enclosing

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ownProfile is the AppArmor profile that the enclosure's tool has given its init,
// for processes for which config.json names none; "" for none. A container with
// CAP_SYS_ADMIN has none either: engines ask for a privileged one in this way.
func (j *Job) ownProfile() (string, error) {
	p := j.Spec.Process
	if p.ApparmorProfile != "" || p.Capabilities != nil && slices.Contains(p.Capabilities.Bounding, "CAP_SYS_ADMIN") {
		return "", nil
	}
	return profileOf(j.Data.StubInit.Pid)
}

// profileOf is the profile that confines a process (proc_pid_attr(5)).
func profileOf(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/attr/apparmor/current", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) {
		return "", nil // a kernel without AppArmor
	}
	if err != nil {
		return "", fmt.Errorf("the enclosure's AppArmor profile: %w", err)
	}
	label := strings.TrimRight(string(data), "\x00\n")
	// A mode is in parentheses behind it.
	if i := strings.LastIndex(label, " ("); i >= 0 && strings.HasSuffix(label, ")") {
		label = label[:i]
	}
	if label == "unconfined" {
		return "", nil
	}
	return label, nil
}

// confined is a process with the container's own profile where it names none.
func (d *Data) confined(p *specs.Process) *specs.Process {
	if p.ApparmorProfile == "" {
		p.ApparmorProfile = d.Profile
	}
	return p
}
