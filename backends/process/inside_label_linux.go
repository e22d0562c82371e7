package process

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// setLabels sets the labels that the process gets at execve.
func (a *Attributes) setLabels(proc *procfs) error {
	if a.AppArmorProfile != "" {
		// Before Linux 5.8 AppArmor has no directory of its own.
		value := "exec " + a.AppArmorProfile
		err := proc.write("thread-self/attr/apparmor/exec", value)
		if errors.Is(err, unix.ENOENT) && proc.missing("thread-self/attr/apparmor") {
			err = proc.write("thread-self/attr/exec", value)
		}
		if err != nil {
			return spec.Fieldf("process.apparmorProfile", "unable to apply apparmor profile: apparmor failed to apply profile %q: %w", a.AppArmorProfile, err)
		}
	}
	if a.SELinuxLabel != "" {
		if err := proc.write("thread-self/attr/exec", a.SELinuxLabel); err != nil {
			return spec.Fieldf("process.selinuxLabel", "can't set process label %q: %w", a.SELinuxLabel, err)
		}
	}
	return nil
}

func (p *procfs) missing(name string) bool {
	file, err := p.open(name, unix.O_PATH)
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	_ = file.Close()
	return false
}
