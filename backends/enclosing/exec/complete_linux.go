package exec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends/enclosing/enclosure"
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

// confined gives a process the container's own profile if the process names none.
func confined(d *enclosure.Data, p *specs.Process) *specs.Process {
	if p.ApparmorProfile == "" {
		p.ApparmorProfile = d.Profile
	}
	return p
}
