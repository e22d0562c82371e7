package create

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
)

// ownProfile returns the AppArmor profile that the enclosure's tool has given its init. The
// container's processes get it if config.json names none. It is "" if there is no profile, and for
// a container with CAP_SYS_ADMIN: this is how engines ask for a privileged container.
func ownProfile(j *enclosure.Job) (string, error) {
	p := j.Spec.Process
	if p.ApparmorProfile != "" || p.Capabilities != nil && slices.Contains(p.Capabilities.Bounding, "CAP_SYS_ADMIN") {
		return "", nil
	}
	return profileOf(j.Data.StubInit.Pid)
}

// profileOf returns the profile that confines a process (proc_pid_attr(5)), or "" if none does.
func profileOf(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/attr/apparmor/current", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) {
		return "", nil // a kernel without AppArmor
	}
	if err != nil {
		return "", fmt.Errorf("the enclosure's AppArmor profile: %w", err)
	}
	label := strings.TrimRight(string(data), "\x00\n")
	// The mode follows in parentheses.
	if i := strings.LastIndex(label, " ("); i >= 0 && strings.HasSuffix(label, ")") {
		label = label[:i]
	}
	if label == "unconfined" {
		return "", nil
	}
	return label, nil
}
