package create

import (
	"path"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

// ownCgroup makes process.user.uid the owner of group, the container's cgroup, if the container has
// a cgroup namespace of its own and can write below /sys/fs/cgroup. An init in the container needs
// this (runtime-spec, config-linux.md, "Cgroup ownership").
func ownCgroup(j *enclosure.Job, group *cgroup.Group) error {
	if _, kind := j.Namespace(specs.CgroupNamespace); kind != spec.New || !writesCgroups(j.Spec) {
		return nil
	}
	var uid uint32
	if j.Spec.Process != nil {
		uid = j.Spec.Process.User.UID
	}
	if len(j.UIDMap) > 0 {
		var mapped bool
		if uid, mapped = namespace.HostID(uid, j.UIDMap); !mapped {
			return nil
		}
	}
	if uid == 0 {
		return nil // root owns it already
	}
	return group.Own(uid)
}

// writesCgroups reports whether the mount at /sys/fs/cgroup is a cgroup file system that is not
// read-only.
func writesCgroups(s *specs.Spec) (writable bool) {
	for _, m := range s.Mounts {
		if path.Clean(m.Destination) != cgroup.Mount {
			continue
		}
		writable = (m.Type == "cgroup" || m.Type == "cgroup2") && !slices.Contains(m.Options, "ro") && !slices.Contains(m.Options, "rro")
	}
	return writable
}
