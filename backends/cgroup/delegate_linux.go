package cgroup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// NamespacesDelegate reports whether cgroup2 at Mount is mounted with nsdelegate, as systemd does.
// With this option the root of a cgroup namespace is a border: no process in the namespace can move
// itself or another process across it (kernel documentation, admin-guide/cgroup-v2, "Delegation").
func NamespacesDelegate() (bool, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(Mount))
	if err != nil {
		return false, fmt.Errorf("find the mount of cgroups: %w", err)
	}
	if len(mounts) == 0 || mounts[0].FSType != "cgroup2" {
		return false, fmt.Errorf("%s is not a cgroup2 mount", Mount)
	}
	return slices.Contains(strings.Split(mounts[0].VFSOptions, ","), "nsdelegate"), nil
}
