package backends

import (
	"encoding/json"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Delegating is a Backend that hands its containers to another OCI runtime with the same command
// line. The other runtime decides what it prints, where it logs and how it ends. Create and Delete
// return its failure as a *Reported. Start, Kill, HandOver and HandOverDelete return only if the
// other runtime cannot be run.
type Delegating interface {
	Backend
	// Prepare fills in c.Data, which later commands need to find the container. It refuses a
	// container that would change the host or take the cgroup of another container. sharing returns
	// the id of a container in the same state directory whose record has the same
	// linux.cgroupsPath, or "" if there is none.
	Prepare(c *Container, s *specs.Spec, sharing func() string) error
	// HandOver replaces this process with the other runtime.
	HandOver(c *Container, call Call) error
	// HandOverDelete replaces this process with the other runtime's delete.
	HandOverDelete(c *Container, force bool) error
	// Carry runs the other runtime as a child process and waits for it. If the other runtime fails,
	// the error is a *Reported.
	Carry(c *Container, call Call) error
	// Has reports whether the other runtime knows the container.
	Has(c *Container) bool
	// Report asks the other runtime about one container. List asks it about all containers in a
	// berth state directory.
	Report(c *Container) (*Report, error)
	List(root string) ([]Report, error)
}

// Call is a command of the OCI command line.
type Call struct {
	// Command is the command's name. Words are the flags and arguments that follow it, including
	// the container's id.
	Command string
	Words   []string
}

// Report is what another runtime says about a container.
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
	// Extra holds the fields that have no place above.
	Extra map[string]json.RawMessage `json:"-"`
}

// Reported is the failure of a program that has told the caller itself what was wrong, on the same
// stderr and in the same log.
type Reported struct {
	// Program is the program's path. Status is its exit status, or 128 plus the number of the
	// signal that ended it.
	Program string
	Status  int
}

func (r *Reported) Error() string { return fmt.Sprintf("%s: exit status %d", r.Program, r.Status) }
