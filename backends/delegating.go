package backends

import (
	"encoding/json"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Delegating is a Backend whose containers are those of another OCI runtime
// that has the same command line. What is printed, where it is logged and how
// it ends is the other's doing: its Create and Delete return a *Reported, and
// its Start and Kill, like HandOver and HandOverDelete, do not return unless the
// other runtime cannot be run.
type Delegating interface {
	Backend
	// Prepare fills in c.Data, which later commands need to find the container. It
	// refuses what would change the host, or take the cgroup of another container;
	// sharing names one of the same state directory whose record has the same
	// linux.cgroupsPath, "" if there is none.
	Prepare(c *Container, s *specs.Spec, sharing func() string) error
	// HandOver replaces this process by the other runtime.
	HandOver(c *Container, call Call) error
	// HandOverDelete replaces this process by the other runtime's delete.
	HandOverDelete(c *Container, force bool) error
	// Carry runs the other runtime beside this process and waits for it. Its
	// failure is a *Reported.
	Carry(c *Container, call Call) error
	// Has says whether the other runtime knows the container.
	Has(c *Container) bool
	// Report asks the other runtime for a container, List for all in a state
	// directory of berth's.
	Report(c *Container) (*Report, error)
	List(root string) ([]Report, error)
}

// Call is a command of the OCI command line.
type Call struct {
	// Command is its name, Words are what follows: flags, and arguments with
	// the container's id among them.
	Command string
	Words   []string
}

// Report is what another runtime says of a container.
type Report struct {
	OCIVersion  string               `json:"ociVersion"`
	ID          string               `json:"id"`
	Pid         int                  `json:"pid"`
	Status      specs.ContainerState `json:"status"`
	Bundle      string               `json:"bundle"`
	Rootfs      string               `json:"rootfs"`
	Created     time.Time            `json:"created"`
	Owner       string               `json:"owner"`
	Annotations map[string]string    `json:"annotations"`
	// Extra holds what else it says.
	Extra map[string]json.RawMessage `json:"-"`
}

// Reported is the failure of a program that has told the caller what was wrong
// by itself, on the same stderr and in the same log.
type Reported struct {
	// Program is its path, Status its exit status, or 128 and the number of
	// the signal that ended it.
	Program string
	Status  int
}

func (r *Reported) Error() string { return fmt.Sprintf("%s: exit status %d", r.Program, r.Status) }
