// Package enclosure defines what all packages share that deal with a container in an enclosure:
// Tool makes the enclosure, Job is a container that is being created, and Data is what berth
// remembers of it between two commands.
package enclosure

import (
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/backends/rootfs"
)

// Data is what an enclosing backend remembers of a container. Its JSON is in the container's
// record, and containers outlive a change of berth, so the keys stay as they are.
//
// Only three write it:
//
//   - Create, in one goroutine. Between the steps that are named below, the tool's PlanCgroup and
//     StartEnclosure write what is theirs. StartEnclosure runs beside Create, so it writes nothing
//     after the stub init has called: from then on Data is Create's.
//   - Postpone, when a delete could not be finished: by Disown, and nothing else.
//   - Recover, in a Data of its own that is never saved.
//
// Everybody else reads. Before a step that makes something, its writer saves the record.
type Data struct {
	// Name is the tool's name for the enclosure: the LXC name, or the VMID in Proxmox VE.
	//
	// PlanCgroup sets it if the name follows from the container's id (lxc). StartEnclosure sets it
	// if the tool gives names away (pct): each time before it asks for one, and to "" if it got
	// none.
	Name string `json:"name"`
	// Making is true while the tool makes the enclosure. What exists of the enclosure may not show
	// yet which container it belongs to.
	//
	// StartEnclosure sets it together with Name, and resets it when the enclosure is complete.
	Making bool `json:"making,omitempty"`
	// Cgroup is the cgroup of the container's processes. Limits is the cgroup that carries the
	// container's limits, which is the same or one above. Both are relative to the mount.
	//
	// They are set with Name, by PlaceIn or by a tool that chooses cgroups itself. Attached
	// replaces Cgroup by the one in which the tool has started the stub init.
	Cgroup string `json:"cgroup"`
	Limits string `json:"limits"`
	// LimitsID identifies the directory of Limits, because another container may later have a
	// cgroup of the same name. It is 0 while the cgroup does not exist, and NoID if the cgroup is
	// not known to be the container's.
	//
	// Attached sets it, when the tool has made the cgroup. Disown sets it to NoID.
	LimitsID uint64 `json:"limitsID,omitempty"`
	// Claimed is true if the cgroup Limits was free when create chose it. If Claimed is false and
	// LimitsID is 0, the cgroup belongs to somebody else.
	//
	// Claim sets it, as soon as Limits is set. MakeWay and Disown reset it.
	Claimed bool `json:"claimed,omitempty"`
	// SharedPIDs is true if the container has no pid namespace of its own. Its processes then do
	// not end with the first one.
	//
	// Create sets it before it first saves the record.
	SharedPIDs bool `json:"sharedPIDs,omitempty"`
	// Scope is true if Limits is a systemd scope. It is set with Limits.
	Scope bool `json:"scope,omitempty"`
	// Attachment is where the root is mounted if the container shares its mount namespace.
	// MountNamespace is that mount namespace if config.json names it by path.
	//
	// Create sets them when it has opened the root, before the enclosure exists. Disown resets
	// them.
	Attachment     *rootfs.Attachment `json:"attachment,omitempty"`
	MountNamespace *JoinedMounts      `json:"mountNamespace,omitempty"`
	// JoinedBeforeFork lists the types of those namespaces with a path in config.json that berth
	// joins before it forks the first process. The stub init is not in them.
	//
	// Create sets it when it has opened the namespaces, before it forks.
	JoinedBeforeFork []specs.LinuxNamespaceType `json:"fromBirth,omitempty"`
	// Resctrl is the resctrl group of linux.intelRdt.
	//
	// Create sets it before it first saves the record. Disown resets it.
	Resctrl resctrl.Group `json:"resctrl,omitzero"`
	// Profile is the enclosure's own AppArmor profile, if the container's processes run under it.
	//
	// Create sets it after Attached, because the profile is the stub init's.
	Profile string `json:"profile,omitempty"`
	// StubInit is the enclosure's init. Monitor is the tool's process above it.
	//
	// Attached sets them.
	StubInit backends.Process `json:"warden"`
	Monitor  backends.Process `json:"monitor"`
}

// JoinedMounts is a mount namespace that a container has joined: its path in config.json, and its
// inode.
type JoinedMounts struct {
	Path  string `json:"path"`
	Inode uint64 `json:"inode"`
}

// NoID is the LimitsID of a cgroup that is not known to be the container's. No cgroup has this ID,
// so none is removed.
const NoID = ^uint64(0)

// DataOf reads the data in a container's record. It returns an empty Data if the record has none
// yet. The error wraps record.ErrDamaged.
func DataOf(c *backends.Container) (*Data, error) {
	d := &Data{}
	if err := record.Data(c.Data, d); err != nil {
		return nil, err
	}
	return d, nil
}

// PutInto puts the data into a container's record. It does not save the record.
func (d *Data) PutInto(c *backends.Container) (err error) {
	c.Data, err = json.Marshal(d)
	return err
}

// Disown forgets everything but the enclosure itself, because it is gone or could belong to another
// container by now. cgroups tells whether the cgroup can, too.
func (d *Data) Disown(cgroups bool) {
	if cgroups {
		d.LimitsID, d.Claimed = NoID, false
	}
	d.Attachment, d.MountNamespace, d.Resctrl = nil, nil, resctrl.Group{}
}
