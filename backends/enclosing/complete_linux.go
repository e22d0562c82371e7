package enclosing

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/process"
	"github.com/berth-oci/berth/spec"
)

// complete fills in what p leaves open, from the container's own process, as runc does. It fills in
// only what is a matter of the container rather than of the program. Limits are not: without
// rlimits the process has the limits of berth's caller.
func complete(p, own *specs.Process) *specs.Process {
	c := *p
	if c.Capabilities == nil {
		c.Capabilities = own.Capabilities
	}
	if c.ApparmorProfile == "" {
		c.ApparmorProfile = own.ApparmorProfile
	}
	if c.SelinuxLabel == "" {
		c.SelinuxLabel = own.SelinuxLabel
	}
	if c.OOMScoreAdj == nil {
		c.OOMScoreAdj = own.OOMScoreAdj
	}
	if c.Scheduler == nil {
		c.Scheduler = own.Scheduler
	}
	if c.IOPriority == nil {
		c.IOPriority = own.IOPriority
	}
	if c.ExecCPUAffinity == nil {
		c.ExecCPUAffinity = own.ExecCPUAffinity
	}
	return &c
}

// cpus parses a list such as "0-3,7".
func cpus(list string) ([]int, error) {
	out, ok := spec.ParseList(list, process.MaxCPU)
	if !ok {
		return nil, fmt.Errorf("%q is not a list of processors such as 0-3,7", list)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q names no processor", list)
	}
	return out, nil
}

// checkAffinity makes create refuse an affinity that exec could not set.
func checkAffinity(a *specs.CPUAffinity) error {
	if a == nil {
		return nil
	}
	for _, side := range []struct{ name, list string }{{"initial", a.Initial}, {"final", a.Final}} {
		if side.list == "" {
			continue
		}
		if _, err := cpus(side.list); err != nil {
			return &spec.FieldError{Path: "process.execCPUAffinity." + side.name, Err: err}
		}
	}
	return nil
}
