package process

import (
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// unconfined is AppArmor's name for "no profile".
const unconfined = "unconfined"

// takeLabels takes the labels of the security modules. It refuses a label whose module the kernel
// lacks: berth must not run a process without the confinement that config.json asks for. It ignores
// the profile unconfined on a kernel without AppArmor.
func (a *Attributes) takeLabels(p *specs.Process, _ *specs.Spec) error {
	if profile := p.ApparmorProfile; profile != "" {
		switch {
		case HasAppArmor():
			a.AppArmorProfile = profile
		case profile != unconfined:
			return spec.Fieldf("process.apparmorProfile", "profile %q specified but apparmor is not enabled on the host", profile)
		}
	}
	if p.SelinuxLabel != "" && !HasSELinux() {
		return spec.Fieldf("process.selinuxLabel", "label is specified but selinux is disabled or not supported")
	}
	a.SELinuxLabel = p.SelinuxLabel
	return nil
}

// HasAppArmor reports whether AppArmor is enabled (apparmor(7)).
func HasAppArmor() bool {
	data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && strings.HasPrefix(string(data), "Y")
}

// HasSELinux reports whether SELinux is enabled, that is, whether its filesystem is mounted and
// writable (selinux(8)).
func HasSELinux() bool {
	var fs unix.Statfs_t
	return unix.Statfs("/sys/fs/selinux", &fs) == nil && uint32(fs.Type) == unix.SELINUX_MAGIC && fs.Flags&unix.ST_RDONLY == 0
}
