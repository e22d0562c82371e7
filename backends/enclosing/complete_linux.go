package enclosing

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/spec"
)

// complete takes from the container's own process what another one leaves open
// and is a matter of the container rather than of the program, as runc does:
// not its limits, which without rlimits are berth's caller's.
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

// cpus reads a list such as "0-3,7", which spec has checked.
func cpus(list string) ([]int, error) {
	var named [maxCPU + 1]bool
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(low)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(high)
		}
		if err != nil || first < 0 || last < first || last > maxCPU {
			return nil, fmt.Errorf("%q is not a list of processors such as 0-3,7", list)
		}
		for n := first; n <= last; n++ {
			named[n] = true
		}
	}
	var out []int
	for n, is := range named {
		if is {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q names no processor", list)
	}
	return out, nil
}

// checkAffinity is for create to refuse what exec could not do.
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

// maxCPU bounds the lists that can be written.
const maxCPU = 8191
