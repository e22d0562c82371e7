// Package enclosing is the life of a container in an enclosure that another
// tool makes, such as an LXC container, while the container's first process is
// berth's own child: the init process, which enters the enclosure and then becomes the
// user's process. What differs between the tools is behind Enclosure.
package enclosing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/cgroup"
	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/backends/resctrl"
	"github.com/berth-oci/berth/backends/rootfs"
	"github.com/berth-oci/berth/spec"
)

// Enclosure is the tool that encloses containers.
type Enclosure interface {
	// Name is the backend's name.
	Name() string
	// Usable says why the tool cannot work on this host; nil when it can.
	Usable() error
	// Check names the fields of config.json that the enclosure cannot honour.
	Check(s *specs.Spec) spec.Problems
	// HostTree says that the enclosure's init still has the host's tree of
	// mounts, so that the init process finds it there.
	HostTree() bool
	// Mounts are what the enclosure adds to the mounts of config.json, after them.
	Mounts(s *specs.Spec) ([]specs.Mount, error)
	// Place chooses the enclosure's name and cgroup, into j.Data. Nothing is
	// made yet.
	PlanCgroup(j *Job) error
	// Raise makes the enclosure around the init process and starts its init, the
	// stub init. It returns when the enclosure stands, its failure is certain, or
	// ctx is done.
	StartEnclosure(ctx context.Context, j *Job) error
	// Explain says what Raise would do, and what it would write.
	Explain(j *Job) (backends.Explanation, error)
	// Lower removes the enclosure, running or half-made, and returns when
	// nothing is left of it. Without one, it does nothing.
	DestroyEnclosure(ctx context.Context, c *backends.Container, d *Data) error
}

// Data is what an enclosing backend remembers of a container.
type Data struct {
	// Name is what the tool calls the enclosure: LXC's name, Proxmox VE's VMID.
	Name string `json:"name"`
	// Making says that the tool was at making the enclosure: what is there of it may not
	// show yet whose it is.
	Making bool `json:"making,omitempty"`
	// Cgroup is the cgroup of the container's processes, Limits the one that
	// carries its limits (the same or one above), relative to the mount.
	Cgroup string `json:"cgroup"`
	Limits string `json:"limits"`
	// LimitsID is the identity of Limits' directory, for another container may
	// have a cgroup of the same name later; 0 while there is none.
	LimitsID uint64 `json:"limitsID,omitempty"`
	// Claimed says that Limits was free when the container was to have it. Without
	// that and without a LimitsID it is somebody else's.
	Claimed bool `json:"claimed,omitempty"`
	// SharedPIDs says that the container has no pid namespace of its own, so that
	// its processes do not end with the first one.
	SharedPIDs bool `json:"sharedPIDs,omitempty"`
	// Scope says that Limits is a systemd scope.
	Scope bool `json:"scope,omitempty"`
	// Attachment is where the root is mounted if the mount namespace is not the
	// container's own, MountNamespace the inode of one that was joined by its path.
	Attachment     *rootfs.Attachment `json:"attachment,omitempty"`
	MountNamespace *joinedMounts      `json:"mountNamespace,omitempty"`
	// FromBirth are the types of namespaces, of those that config.json names by path, in
	// which the first process is from its birth, and the stub init is not.
	JoinedBeforeFork []specs.LinuxNamespaceType `json:"fromBirth,omitempty"`
	// Resctrl is the group of linux.intelRdt.
	Resctrl resctrl.Group `json:"resctrl,omitzero"`
	// Profile is the AppArmor profile of the enclosure's own, if processes have it.
	Profile string `json:"profile,omitempty"`
	// Stub init is the enclosure's init, Monitor the tool's process above it.
	StubInit backends.Process `json:"warden"`
	Monitor  backends.Process `json:"monitor"`
}

// Cgrouped says whether the container's cgroup is still there, and its own.
func (d *Data) Cgrouped() bool {
	return d.LimitsID != 0 && cgroup.ID(d.Limits) == d.LimitsID
}

// Claim notes that the cgroup with the limits is to be the container's. The error
// wraps cgroup.ErrTaken if it is another's.
func (d *Data) Claim() error {
	if err := cgroup.CheckFree(d.Limits); err != nil {
		return err
	}
	d.Claimed = true
	return nil
}

// Unclaim takes back Claim if the cgroup could not be opened because it has become
// another's.
func (d *Data) Unclaim(err error) {
	if errors.Is(err, cgroup.ErrTaken) {
		d.Claimed = false
	}
}

// Job is one container being created.
type Job struct {
	*backends.Container
	Spec *specs.Spec
	Data *Data
	// Init process is the pid of the init process.
	InitPid int
	// Up is closed when the stub init has reported.
	Ready <-chan struct{}
	// UIDMap and GIDMap are the init process's user namespace maps as the kernel
	// shows them; empty when it is in the host's.
	UIDMap, GIDMap []specs.LinuxIDMapping
	namespaces     namespaces
	save           func() error
}

// StageFile is a file of the init process's below /proc/PID, such as ns/pid.
func (j *Job) InitFile(name string) string {
	if j.InitPid == 0 {
		return "/proc/{pid}/" + name // only explained
	}
	return fmt.Sprintf("/proc/%d/%s", j.InitPid, name)
}

// OwnPIDs says that the enclosure's init is in the pid namespace of the init process's,
// a new one. Otherwise both are in the host's: an existing namespace is not for
// them, who have the host's tree, to be seen in.
func (j *Job) OwnPIDs() bool {
	_, kind := spec.Namespace(j.Spec, specs.PIDNamespace)
	return kind == spec.New
}

// forksProcess says that the init process is not to become the user's process but to bear
// it, in an existing pid namespace.
func (j *Job) forksProcess() bool {
	_, kind := spec.Namespace(j.Spec, specs.PIDNamespace)
	return kind == spec.Path
}

// Save writes the record, so that Delete knows of what comes next.
func (j *Job) Save() error {
	data, err := json.Marshal(j.Data)
	if err != nil {
		return err
	}
	j.Container.Data = data
	return j.save()
}

// StubInitDir holds what the enclosure is given to run its init: the executable
// StubInitFile, to be started with the argument StubInitSocket in this directory.
func (j *Job) StubInitDir() string { return filepath.Join(j.Dir, stubInitDir) }

// ProcessLink leads to the container's process in /proc, once the container is
// created, where the pid namespace is not its own.
func (j *Job) ProcessLink() string { return filepath.Join(j.Dir, "process") }

// linkProcess makes what ProcessLink names.
func (j *Job) linkProcess() error {
	if j.OwnPIDs() {
		return nil
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d", j.Process.Pid), j.ProcessLink()); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	return nil
}

// LogFile is where the tool may write its log.
func (j *Job) LogFile() string { return LogFile(j.Container) }

// LogFile is where the tool that encloses c may write its log.
func LogFile(c *backends.Container) string { return filepath.Join(c.Dir, "lxc.log") }

// The names in StubInitDir.
const (
	stubInitDir    = "w"
	StubInitFile   = "stub-init"
	StubInitSocket = "sock"
)

// Backend is a backends.Backend over an Enclosure.
type Backend struct{ Enclosure }

var _ backends.Backend = Backend{}

// Check adds to the enclosure's what the init process cannot honour.
func (b Backend) Check(s *specs.Spec) spec.Problems {
	return append(b.Enclosure.Check(s), checkInit(s)...)
}

// mount adds the enclosure's mounts to a copy of the job's config.
func (b Backend) mount(j *Job) error {
	list, err := b.Mounts(j.Spec)
	if err != nil || len(list) == 0 {
		return err
	}
	s := *j.Spec
	s.Mounts = slices.Concat(s.Mounts, list)
	j.Spec = &s
	return nil
}

func data(c *backends.Container) (*Data, error) {
	d := &Data{}
	if len(c.Data) == 0 {
		return d, nil
	}
	if err := record.Strictly(c.Data, d); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return d, nil
}
