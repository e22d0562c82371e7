package cgroup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// NamespacesDelegate says whether cgroup2 at Mount has the option nsdelegate: the root of a
// cgroup namespace is then a border which no process in it moves itself or another across
// (kernel documentation, admin-guide/cgroup-v2, "Delegation"). systemd mounts it so.
func NamespacesDelegate() (bool, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(Mount))
	if err != nil {
		return false, fmt.Errorf("the mount of cgroups: %w", err)
	}
	if len(mounts) == 0 || mounts[0].FSType != "cgroup2" {
		return false, fmt.Errorf("%s is no mount of cgroup2", Mount)
	}
	return slices.Contains(strings.Split(mounts[0].VFSOptions, ","), "nsdelegate"), nil
}
