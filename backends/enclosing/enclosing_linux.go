// Package enclosing implements the life of a container in an enclosure that another tool makes,
// such as an LXC container. The container's first process is berth's own child, the init process.
// It enters the enclosure and then execs the user's program. The differences between the tools are
// behind the interface Enclosure.
package enclosing

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/enclosing/enclosure"
	"github.com/berth-oci/berth/backends/enclosing/namespace"
	"github.com/berth-oci/berth/spec"
)

// Enclosure is a tool that makes enclosures.
type Enclosure interface {
	// Name returns the backend's name.
	Name() string
	// Usable returns why the tool cannot work on this host, or nil if it can.
	Usable() error
	// Check returns a problem for each field of config.json that the enclosure cannot honour.
	Check(s *specs.Spec) spec.Problems
	// HostTree reports whether the enclosure's init still has the host's mounts. The init process
	// then finds them there.
	HostTree() bool
	// Mounts returns the mounts that the enclosure adds after those of config.json.
	Mounts(s *specs.Spec) ([]specs.Mount, error)
	// PlanCgroup chooses the enclosure's name and the path of its cgroup, and sets both in j.Data.
	// It makes nothing yet.
	PlanCgroup(j *Job) error
	// StartEnclosure makes the enclosure around the init process and starts the enclosure's init,
	// the stub init. It returns when the enclosure is up, when it has certainly failed, or when ctx
	// is done.
	StartEnclosure(ctx context.Context, j *Job) error
	// Explain returns what StartEnclosure would do and write.
	Explain(j *Job) (backends.Explanation, error)
	// DestroyEnclosure removes the enclosure, even if it is running or half made, and returns when
	// nothing of it is left. If there is no enclosure, it does nothing.
	DestroyEnclosure(ctx context.Context, c *backends.Container, d *enclosure.Data) error
}

// Job is one container that is being created.
type Job struct {
	*backends.Container
	Spec *specs.Spec
	Data *enclosure.Data
	// InitPid is the pid of the init process.
	InitPid int
	// Ready is closed when the stub init has called.
	Ready <-chan struct{}
	// UIDMap and GIDMap are the ID maps of the init process's user namespace, as the kernel shows
	// them. They are empty if the init process is in the host's user namespace.
	UIDMap, GIDMap []specs.LinuxIDMapping
	// Joined holds the namespaces that config.json names by path, open until Create has ended. It is
	// nil for Explain.
	Joined namespace.Opened
	save   func() error
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

// forksProcess reports whether the init process forks the user process into an existing pid
// namespace instead of becoming the user process itself.
func (j *Job) forksProcess() bool {
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
	if _, kind := spec.Namespace(j.Spec, t); kind != spec.Path || namespace.Files[t] == "" {
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

// Save writes the record, so that Delete knows about the next step.
func (j *Job) Save() error {
	if err := j.Data.PutInto(j.Container); err != nil {
		return err
	}
	return j.save()
}

// StubInitDir returns the directory that holds what the enclosure needs to run its init: the
// executable StubInitFile. It must be started in this directory, with the argument StubInitSocket.
func (j *Job) StubInitDir() string { return filepath.Join(j.Dir, stubInitDir) }

// ProcessLink returns the path of a symbolic link to the container's process in /proc. The link
// exists once the container is created, if the pid namespace is not the container's own.
func (j *Job) ProcessLink() string { return filepath.Join(j.Dir, "process") }

// linkProcess makes that link, unless the pid namespace is the container's own.
func (j *Job) linkProcess() error {
	if j.OwnPIDs() {
		return nil
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d", j.Process.Pid), j.ProcessLink()); err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	return nil
}

// LogFile returns the path of the file to which the tool may write its log.
func (j *Job) LogFile() string { return LogFile(j.Container) }

// LogFile returns the path of the file to which the tool that encloses c may write its log.
func LogFile(c *backends.Container) string { return filepath.Join(c.Dir, "lxc.log") }

// The name of StubInitDir, and the names of the files in it.
const (
	stubInitDir    = "w"
	StubInitFile   = "stub-init"
	StubInitSocket = "sock"
)

// Backend implements backends.Backend over an Enclosure.
type Backend struct{ Enclosure }

var _ backends.Backend = Backend{}

// Check returns the problems of the enclosure and of the init process.
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
