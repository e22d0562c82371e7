package enclosure

import (
	"fmt"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

// Job is one container that is being created.
type Job struct {
	*backends.Container
	Spec *specs.Spec
	Data *Data
	// InitPid is the pid of the init process.
	InitPid int
	// Ready is closed when the stub init has called.
	Ready <-chan struct{}
	// UIDMap and GIDMap are the ID maps of the init process's user namespace, as the kernel shows
	// them. They are empty if the init process is in the host's user namespace.
	UIDMap, GIDMap []specs.LinuxIDMapping
	// Joined holds the namespaces that config.json names by path, open until Create has ended. It
	// is nil for Explain.
	Joined namespace.Opened
	save   func() error
}

// NewJob returns the job to create a container. ready is closed when the stub init has called. save
// saves the container's record.
func NewJob(c *backends.Container, s *specs.Spec, ready <-chan struct{}, save func() error) *Job {
	return &Job{Container: c, Spec: s, Data: &Data{}, Ready: ready, save: save}
}

// InitFile returns the path of a file of the init process below /proc/PID. name is a path such as
// ns/pid.
func (j *Job) InitFile(name string) string {
	if j.InitPid == 0 {
		return "/proc/{pid}/" + name // for Explain
	}
	return fmt.Sprintf("/proc/%d/%s", j.InitPid, name)
}

// OwnPIDs reports whether the container has a new pid namespace, with the init process and the
// enclosure's init in it. Otherwise both stay in the host's pid namespace: they have the host's
// mounts, so processes in an existing pid namespace must not see them.
func (j *Job) OwnPIDs() bool {
	_, kind := spec.Namespace(j.Spec, specs.PIDNamespace)
	return kind == spec.New
}

// ForksProcess reports whether the init process forks the user process into an existing pid
// namespace instead of becoming the user process itself.
func (j *Job) ForksProcess() bool {
	_, kind := spec.Namespace(j.Spec, specs.PIDNamespace)
	return kind == spec.Path
}

// Namespace is like spec.Namespace, but its path leads to the namespace that was checked. The path
// is valid until Create has ended. For Explain it is the path in config.json.
func (j *Job) Namespace(t specs.LinuxNamespaceType) (path string, kind spec.NamespaceKind) {
	path, kind = spec.Namespace(j.Spec, t)
	if kind == spec.Path && j.Joined != nil {
		path = j.Joined.Path(t)
	}
	return path, kind
}

// JoinedBeforeFork reports whether berth joins an existing namespace before it forks the
// container's process. The enclosure must not join it then. This is always so for a cgroup
// namespace with a path, because LXC would make a new one.
func (j *Job) JoinedBeforeFork(t specs.LinuxNamespaceType) bool {
	if _, kind := spec.Namespace(j.Spec, t); kind != spec.Path || !slices.Contains(namespace.Joinable, t) {
		return false
	}
	if t == specs.CgroupNamespace {
		return true
	}
	if j.Joined == nil { // for Explain: nothing belongs to a new user namespace yet
		_, user := spec.Namespace(j.Spec, specs.UserNamespace)
		return user == spec.New
	}
	return slices.Contains(j.Data.JoinedBeforeFork, t)
}

// AddMounts adds the tool's mounts to a copy of the job's config.
func (j *Job) AddMounts(t Tool) error {
	list, err := t.Mounts(j.Spec)
	if err != nil || len(list) == 0 {
		return err
	}
	s := *j.Spec
	s.Mounts = slices.Concat(s.Mounts, list)
	j.Spec = &s
	return nil
}

// Save writes the record, so that Delete knows about the next step.
func (j *Job) Save() error {
	if err := j.Data.PutInto(j.Container); err != nil {
		return err
	}
	return j.save()
}

// StubInitDir returns the directory that holds what the enclosure needs to run its init: the
// executable StubInitFile. It must be started in this directory, with the argument StubInitSocket.
func (j *Job) StubInitDir() string { return StubInitDir(j.Container) }

// StubInitDir is Job.StubInitDir for a container that exists.
func StubInitDir(c *backends.Container) string { return filepath.Join(c.Dir, "w") }

// ProcessLink returns the path of a symbolic link to the container's process in /proc. The link
// exists once the container is created, if the pid namespace is not the container's own.
func (j *Job) ProcessLink() string { return filepath.Join(j.Dir, "process") }

// CgroupIDFile returns the path of a file that has the ID (inode) of the cgroup Data.Cgroup, in
// decimal digits. The file exists once the enclosure is attached.
func (j *Job) CgroupIDFile() string { return filepath.Join(j.Dir, "cgroup.id") }

// LogFile returns the path of the file to which the tool may write its log.
func (j *Job) LogFile() string { return filepath.Join(j.Dir, "lxc.log") }

// The names of the files in StubInitDir.
const (
	StubInitFile   = "stub-init"
	StubInitSocket = "sock"
)
