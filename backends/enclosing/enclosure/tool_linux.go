package enclosure

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/spec"
)

// Tool is a tool that makes enclosures. The interfaces after it are for what only some tools do.
type Tool interface {
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
	DestroyEnclosure(ctx context.Context, c *backends.Container, d *Data) error
}

// Naming is a Tool that knows which names it can have chosen.
type Naming interface {
	// Named reports whether the container's enclosure can have that name.
	Named(c *backends.Container, name string) bool
}

// Finder is a Tool that can find an enclosure without a record.
type Finder interface {
	// Find sets d.Name if the container's enclosure exists, and sets in c and d whatever else
	// DestroyEnclosure needs. When it is called, d holds what Recover has found.
	Find(c *backends.Container, d *Data) error
}

// Renaming is a Tool that gives the name of an enclosure to no other container while the enclosure
// exists, not even to one with the same id.
type Renaming interface {
	// OwnCgroup reports whether the container's cgroup is named after the enclosure.
	OwnCgroup(d *Data) bool
}

// Adjuster is a Tool that keeps limits of its own, which have to follow the container's.
type Adjuster interface {
	// Adjust tells the tool the limits from now on, and the limits before. The exact values are
	// written to the cgroup afterwards.
	Adjust(ctx context.Context, c *backends.Container, d *Data, now, before *specs.LinuxResources) error
}

// Administrator is a Tool that administrators use directly.
type Administrator interface {
	// Administer does the work of backends.Administered for the enclosure with that name.
	Administer(name string, words []string) error
}
