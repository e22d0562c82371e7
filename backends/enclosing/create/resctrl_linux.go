package create

import (
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/resctrl"
)

// planResctrl notes the resctrl group of linux.intelRdt, so that Delete knows about it.
func planResctrl(j *enclosure.Job) error {
	r := j.Spec.Linux.IntelRdt
	if r == nil {
		return nil
	}
	root, err := resctrl.Root()
	if err != nil {
		return err
	}
	j.Data.Resctrl, err = resctrl.Plan(root, j.ID, r)
	return err
}

// enterResctrl makes the group and moves the init process into it, unless the init process forks
// the user process.
func enterResctrl(j *enclosure.Job) error {
	if j.Spec.Linux.IntelRdt == nil {
		return nil
	}
	if err := j.Data.Resctrl.Make(j.Spec.Linux.IntelRdt); err != nil {
		return err
	}
	if j.ForksProcess() {
		return nil
	}
	return j.Data.Resctrl.Enter(j.InitPid)
}
